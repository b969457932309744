import {
  expectBoolean,
  expectNonNegative,
  expectOneOf,
  expectPositive,
  expectPositiveInteger,
  expectThat,
  expectWholeNumber,
} from '@scmoe/errors';
import type { CapacityOrder, DropPolicy, ScoreFunction } from '@scmoe/tensor';

/** How logits come from tokens: a product with one weight, or the cosine between projected tokens and experts. */
export type LogitFunction = 'linear' | 'cosine';
/** What a group of experts is chosen by: its best expert (`max`, DeepSeek-V2) or its best two (`top2sum`, DeepSeek-V3). */
export type GroupScore = 'max' | 'top2sum';
/** Who chooses: tokens their experts, or experts their tokens. */
export type RoutingDirection = 'tokenChoice' | 'expertChoice';

/** How tokens are sent to the experts of one layer. Plain data: it can be stored as JSON. */
export interface RouterConfig {
  /** Experts with a feed-forward network. */
  numExperts: number;
  /** Experts per token; with `expertChoice` their mean. */
  topK?: number;
  /** Softmax over all experts, or the sigmoid of each one's logit. */
  scoreFunction?: ScoreFunction;
  /** Weights of the chosen experts sum to 1. Default: topK > 1, for with one expert the router would get no gradient. */
  normalizeWeights?: boolean;
  /** What the weights are multiplied with at last. */
  routedScalingFactor?: number;
  /** Slots per expert as a multiple of an even share; 0 (default): no limit, nothing is dropped. */
  capacityFactor?: number;
  minCapacity?: number;
  /** Which tokens lose where an expert is full: the last ones, or those with the lowest weight. */
  dropPolicy?: DropPolicy;
  /** Order in which slots are given for topK > 1: all first choices first, or token by token. */
  capacityOrder?: CapacityOrder;
  /** How logits are made: a product, or the cosine between a projection of the token and a vector of each expert. */
  logits?: LogitFunction;
  /** Width of that projection. */
  cosineWidth?: number;
  /** Add normal noise of a learned size to the logits in training. */
  noisy?: boolean;
  /** Multiply what the router reads by numbers from [1 - jitter, 1 + jitter) in training. */
  jitter?: number;
  /** Add a number per expert to the scores for the choice alone; `updateCorrectionBias` balances the load with it. */
  correctionBias?: boolean;
  /** Experts stand in so many groups, of which a token uses `topKGroups`. */
  numGroups?: number;
  topKGroups?: number;
  /** Score of a group: its largest score (DeepSeek-V2), or the sum of its two largest (DeepSeek-V3). */
  groupScore?: GroupScore;
  /** Further experts that return what they get: their ids follow those of the others. */
  numZeroExperts?: number;
  /** Multiply their weights by `routedScalingFactor` as well (as in Hugging Face; SGLang does not). */
  scaleZeroExperts?: boolean;
  /** For benchmarks alone: every expert gets the same number of tokens, whatever their scores. */
  forcedBalance?: boolean;
  /** Who chooses. With `expertChoice` every expert takes its best tokens; what it takes depends on LATER tokens, so a
   * model that predicts the next token must not use it. */
  routing?: RoutingDirection;
}

/** A router with every option decided. */
export type ResolvedRouter = Required<RouterConfig>;

/**
 * Fills in defaults.
 *
 * @param defaults what the layer takes where the config says nothing; topK 1 by default
 * @throws ArgumentError naming the option, what is allowed and what came
 */
export function resolveRouter(config: RouterConfig, defaults: { topK?: number } = {}): ResolvedRouter {
  const { routing = 'tokenChoice', topK = defaults.topK ?? 1, numGroups = 1 } = config;
  const router: ResolvedRouter = {
    numExperts: config.numExperts,
    topK,
    scoreFunction: config.scoreFunction ?? 'softmax',
    normalizeWeights: config.normalizeWeights ?? (topK > 1 && routing === 'tokenChoice'),
    routedScalingFactor: config.routedScalingFactor ?? 1,
    capacityFactor: config.capacityFactor ?? 0,
    minCapacity: config.minCapacity ?? 1,
    dropPolicy: config.dropPolicy ?? 'position',
    capacityOrder: config.capacityOrder ?? 'choice',
    logits: config.logits ?? 'linear',
    cosineWidth: config.cosineWidth ?? 256,
    noisy: config.noisy ?? false,
    jitter: config.jitter ?? 0,
    correctionBias: config.correctionBias ?? false,
    numGroups,
    topKGroups: config.topKGroups ?? (numGroups === 1 ? 1 : (undefined as unknown as number)),
    groupScore: config.groupScore ?? 'max',
    numZeroExperts: config.numZeroExperts ?? 0,
    scaleZeroExperts: config.scaleZeroExperts ?? true,
    forcedBalance: config.forcedBalance ?? false,
    routing,
  };
  checkEach(router);
  checkGroups(router);
  if (router.forcedBalance)
    expectThat(topK <= router.numExperts, 'topK', `at most numExperts = ${router.numExperts} with forcedBalance`, topK);
  if (routing === 'expertChoice') checkExpertChoice(router);
  return router;
}

function checkEach(router: ResolvedRouter): void {
  const { numExperts, numZeroExperts, topK, jitter } = router;
  expectPositiveInteger('numExperts', numExperts);
  expectWholeNumber('numZeroExperts', numZeroExperts);
  expectPositiveInteger('topK', topK);
  const all = numZeroExperts > 0 ? 'numExperts + numZeroExperts' : 'numExperts';
  expectThat(topK <= numExperts + numZeroExperts, 'topK', `at most ${all} = ${numExperts + numZeroExperts}`, topK);
  expectOneOf('scoreFunction', router.scoreFunction, ['softmax', 'sigmoid']);
  expectPositive('routedScalingFactor', router.routedScalingFactor);
  expectNonNegative('capacityFactor', router.capacityFactor);
  expectWholeNumber('minCapacity', router.minCapacity);
  expectOneOf('dropPolicy', router.dropPolicy, ['position', 'probability']);
  expectOneOf('capacityOrder', router.capacityOrder, ['choice', 'token']);
  expectOneOf('logits', router.logits, ['linear', 'cosine']);
  expectPositiveInteger('cosineWidth', router.cosineWidth);
  expectThat(typeof jitter === 'number' && jitter >= 0 && jitter < 1, 'jitter', 'a number in [0, 1)', jitter);
  expectOneOf('groupScore', router.groupScore, ['max', 'top2sum']);
  expectOneOf('routing', router.routing, ['tokenChoice', 'expertChoice']);
  for (const name of ['normalizeWeights', 'noisy', 'correctionBias', 'scaleZeroExperts', 'forcedBalance'] as const)
    expectBoolean(name, router[name]);
}

function checkGroups({ numExperts, numZeroExperts, topK, numGroups, topKGroups, groupScore }: ResolvedRouter): void {
  expectPositiveInteger('numGroups', numGroups);
  expectThat(numExperts % numGroups === 0, 'numGroups', `a divisor of numExperts = ${numExperts}`, numGroups);
  const fits = Number.isInteger(topKGroups) && topKGroups >= 1 && topKGroups <= numGroups;
  expectThat(fits, 'topKGroups', `an integer from 1 to numGroups = ${numGroups}`, topKGroups);
  if (numGroups === 1) return;
  const size = numExperts / numGroups;
  expectThat(numZeroExperts === 0, 'numZeroExperts', `0 with numGroups = ${numGroups}`, numZeroExperts);
  expectThat(topK <= topKGroups * size, 'topK', `at most the ${topKGroups * size} experts of topKGroups groups`, topK);
  expectThat(
    groupScore === 'max' || size >= 2,
    'groupScore',
    `max for groups of one expert (numGroups = numExperts = ${numExperts})`,
    groupScore,
  );
}

/** Expert choice balances by itself and has no order of choices per token. */
function checkExpertChoice(router: ResolvedRouter): void {
  const { capacityFactor } = router;
  const because = (what: string) => `${what} with routing 'expertChoice'`;
  expectThat(capacityFactor > 0, 'capacityFactor', because('a number > 0'), capacityFactor);
  for (const name of ['normalizeWeights', 'correctionBias', 'forcedBalance'] as const)
    expectThat(!router[name], name, because('false'), router[name]);
  expectThat(router.numGroups === 1, 'numGroups', because('1'), router.numGroups);
  expectThat(router.numZeroExperts === 0, 'numZeroExperts', because('0'), router.numZeroExperts);
}
