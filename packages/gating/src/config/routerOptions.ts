import type { OptionSpecs, OptionsOf, ResolvedOptions } from '../options/OptionSpec.js';

/**
 * Every option of a router, which is all there is to write of a new one besides what it does. What a layer, a model or a
 * command line offers of routers, follows.
 */
export const routerOptions = {
  /** Experts with a feed-forward network. */
  numExperts: { type: 'integer', minimum: 1, required: true, help: 'routed experts per layer' },
  /** Experts per token; with `expertChoice` their mean. */
  topK: {
    type: 'integer',
    minimum: 1,
    derived: '1; 2 for standard experts',
    help: 'experts per token',
  },
  /** Softmax over all experts, or the sigmoid of each one's logit. */
  scoreFunction: {
    type: 'choice',
    choices: ['softmax', 'sigmoid'],
    default: 'softmax',
    help: 'scores over all experts, or of each by itself',
  },
  /** Weights of the chosen experts sum to 1. With one expert they do not, for the router would get no gradient. */
  normalizeWeights: {
    type: 'boolean',
    derived: 'with several experts per token',
    help: 'weights of the chosen experts sum to 1',
  },
  /** What the weights are multiplied with at last. */
  routedScalingFactor: {
    type: 'number',
    above: 0,
    default: 1,
    help: 'factor on the weights of the chosen experts',
  },
  /** Slots per expert as a multiple of an even share; 0: no limit, nothing is dropped. */
  capacityFactor: {
    type: 'number',
    minimum: 0,
    default: 0,
    help: 'places per expert, as a multiple of an even load; 0: no limit, no token dropped',
  },
  minCapacity: { type: 'integer', minimum: 0, default: 1, help: 'least places per expert' },
  /** Which tokens lose where an expert is full: the last ones, or those with the lowest weight. */
  dropPolicy: {
    type: 'choice',
    choices: ['position', 'probability'],
    default: 'position',
    help: 'which tokens a full expert drops: the last, or those with the lowest weight',
  },
  /** Order in which slots are given for topK > 1: all first choices first, or token by token. */
  capacityOrder: {
    type: 'choice',
    choices: ['choice', 'token'],
    default: 'choice',
    help: 'who gets places first: all first choices, or token by token',
  },
  /** How logits are made: a product, or the cosine between a projection of the token and a vector of each expert. */
  logits: {
    type: 'choice',
    choices: ['linear', 'cosine'],
    default: 'linear',
    help: 'logits by a product or by the cosine',
  },
  /** Width of that projection. */
  cosineWidth: { type: 'integer', minimum: 1, default: 256, help: 'width that tokens are projected to for the cosine' },
  /** Add a learned number per expert to the logits of a linear gate (gpt-oss). */
  logitBias: { type: 'boolean', default: false, flag: false, help: 'learned biases of the logits' },
  /** Bound on the size of the logits, b tanh(logit / b), as in Grok (`router_logit_softcapping`); 0: none. */
  logitSoftCap: { type: 'number', minimum: 0, default: 0, help: 'bound b on the logits, b tanh(logit / b); 0: none' },
  /**
   * Pick experts one after the other among those whose logits are so close to the largest, with weights of their own
   * (SparseMixer, arXiv 2409.12136): half the distance as a share of the larger logit.
   */
  sparseMixer: {
    type: 'number',
    minimum: 0,
    optional: true,
    flag: false,
    help: 'how close logits must be to the largest for SparseMixer to choose among them',
  },
  /** Add normal noise of a learned size to the logits in training. */
  noisy: { type: 'boolean', default: false, help: 'learned noise on the logits, in training' },
  /** Multiply what the router reads by numbers from [1 - jitter, 1 + jitter) in training. */
  jitter: {
    type: 'number',
    minimum: 0,
    below: 1,
    default: 0,
    help: 'router inputs times a random factor from 1-x to 1+x, in training',
  },
  /** The experts read what the router reads, jitter and all (as in transformers' Mixtral); the layer sees to that. */
  jitterExperts: { type: 'boolean', default: false, help: 'the experts read the inputs with the jitter as well' },
  /** Add a number per expert to the scores for the choice alone; `updateCorrectionBias` balances the load with it. */
  correctionBias: {
    type: 'boolean',
    default: false,
    help: 'balance by a bias on the choice, moved after each step as --bias-update-rule says',
  },
  /** Experts stand in so many groups, of which a token uses `topKGroups`. */
  numGroups: {
    type: 'integer',
    minimum: 1,
    default: 1,
    help: 'groups of experts, of which --top-k-groups can be chosen',
  },
  topKGroups: { type: 'integer', minimum: 1, derived: '1 for one group', help: 'groups that a token chooses from' },
  /** Score of a group: its largest score (DeepSeek-V2), or the sum of its two largest (DeepSeek-V3). */
  groupScore: {
    type: 'choice',
    choices: ['max', 'top2sum'],
    default: 'max',
    help: 'score of a group: its best expert, or its best two',
  },
  /** Further experts that return what they get: their ids follow those of the others. */
  numZeroExperts: {
    type: 'integer',
    minimum: 0,
    default: 0,
    help: 'further experts that hand a token back as it is',
  },
  /** Multiply their weights by `routedScalingFactor` as well (as in Hugging Face; SGLang does not). */
  scaleZeroExperts: { type: 'boolean', default: true, help: 'zero experts have the routed scaling factor as well' },
  /** Every expert gets the same number of tokens, whatever their scores: for benchmarks alone. */
  forcedBalance: { type: 'boolean', default: false, flag: false, help: 'an even load by force, for benchmarks' },
  /** Who chooses: tokens their experts, or experts their tokens. What an expert takes depends on LATER tokens, so a model
   * that predicts the next token must not use `expertChoice`. */
  routing: {
    type: 'choice',
    choices: ['tokenChoice', 'expertChoice'],
    default: 'tokenChoice',
    flag: false,
    help: 'who chooses: tokens their experts, or experts their tokens',
  },
} as const satisfies OptionSpecs;

/** How tokens are sent to the experts of one layer. Plain data: it can be stored as JSON. */
export interface RouterConfig extends OptionsOf<typeof routerOptions> {}

/** A router with every option decided. */
export interface ResolvedRouter extends ResolvedOptions<typeof routerOptions> {}
