import { expectThat } from '@scmoe/errors';
import { resolveOptions, type OptionSpecs, type OptionsOf, type ResolvedOptions } from '@scmoe/gating';

import { expectGatedDelta, gatedDeltaOptions, type ResolvedGatedDelta } from './GatedDeltaConfig.js';
import { expectLatent, latentOptions, type ResolvedLatentAttention } from './LatentAttentionConfig.js';
import { expectRope, ropeOptions } from './RopeConfig.js';

/** Form of the feed-forward networks: MLP, shared expert and experts. */
export const ffnOptions = {
  /** `swiglu` is gated. */
  activation: {
    type: 'choice',
    choices: ['gelu', 'gelu_tanh', 'silu', 'swiglu'],
    default: 'gelu',
    help: 'activation',
  },
  ffnBias: { type: 'boolean', derived: 'not with swiglu', help: 'biases in MLPs and experts' },
} as const satisfies OptionSpecs;

export const normOptions = {
  norm: { type: 'choice', choices: ['layer', 'rms', 'zeroCentredRms'], default: 'layer', help: 'normalisation' },
  normEpsilon: {
    type: 'number',
    above: 0,
    derived: '1e-5 with layer, else 1e-6',
    help: 'added to what a norm divides by',
  },
} as const satisfies OptionSpecs;

const clampedGluOptions = {
  /** Most that the gate may be, and bound on the size of what it multiplies. */
  limit: { type: 'number', above: 0, required: true, help: 'bound on gate and up' },
  alpha: { type: 'number', above: 0, default: 1.702, help: 'what the gate is multiplied with within its sigmoid' },
} as const satisfies OptionSpecs;

/** Options in which public model families differ from plain multi-head attention and plain residual sums. */
export const familyOptions = {
  /** Components of a head; heads need not fill the width of the model. */
  headSize: { type: 'integer', minimum: 1, derived: 'dModel/numHeads', flag: false, help: 'components of a head' },
  /**
   * RMSNorm of queries and keys before their rotation: of each head, with one weight for all (`perHead`), or of all together
   * (`whole`); or of each head behind its rotation (`perHeadTurned`, Hunyuan).
   */
  qkNorm: {
    type: 'choice',
    choices: ['none', 'perHead', 'perHeadTurned', 'whole'],
    default: 'none',
    flag: false,
    help: 'RMSNorm of queries and keys: of each head, before or behind its rotation, or of all heads together',
  },
  /** Bound on the size of queries, keys and values (OLMoE's `clip_qkv`). */
  clipQkv: { type: 'number', above: 0, optional: true, flag: false, help: 'bound on queries, keys and values' },
  /** Factor on q k in place of 1/sqrt(headSize). */
  attentionScale: { type: 'number', above: 0, optional: true, flag: false, help: 'factor on the scores' },
  /** Tokens that a token sees, itself included; all before it by default. */
  window: { type: 'integer', minimum: 1, optional: true, flag: false, help: 'tokens that a token sees' },
  /** A learned score for each head that no key has (gpt-oss). */
  attentionSinks: { type: 'boolean', default: false, flag: false, help: 'a learned score beside those of the keys' },
  /** The heads' results times sigmoid of a projection of what attention reads, before that to the output (Qwen3-Next). */
  outputGate: { type: 'boolean', default: false, flag: false, help: 'a gate on what attention gives' },
  /** The form of `swiglu` that gpt-oss has: bounds on gate and up, and a steeper sigmoid. */
  clampedGlu: {
    type: 'record',
    options: clampedGluOptions,
    optional: true,
    flag: false,
    help: "bounds and steepness of gpt-oss's gate",
  },
  /** Sizes of latent attention (MLA), which takes the place of `numKvHeads`, `headSize` and `rope`. */
  latent: { type: 'record', options: latentOptions, optional: true, flag: false, help: 'sizes of latent attention' },
  /** Sizes of a gated delta network, which takes the place of attention. */
  gatedDelta: {
    type: 'record',
    options: gatedDeltaOptions,
    optional: true,
    flag: false,
    help: 'sizes of a gated delta network',
  },
  /** Factor on everything that is added to the residual stream (Granite). */
  residualScale: { type: 'number', above: 0, default: 1, flag: false, help: 'factor on what a branch adds' },
  /**
   * What the parts of a block read: each all that was added before it (`regular`), or what does not have to be waited for
   * (`farskip`, FarSkip-Collective, arXiv 2511.11505): attention the residual stream without what the routed experts before it
   * add, MLP and experts the block's input.
   */
  connectivity: {
    type: 'choice',
    choices: ['regular', 'farskip'],
    derived: 'farskip with kind farskip, else regular',
    help: 'what attention, MLP and experts read: all that was added before, or (farskip) what they need not wait for',
  },
  /** Norms of what attention, MLP and experts read, or (OLMo 2) of what they add to the residual stream. */
  normPlacement: {
    type: 'choice',
    choices: ['before', 'after'],
    default: 'before',
    flag: false,
    help: 'norms before attention, MLP and experts, or behind them',
  },
} as const satisfies OptionSpecs;

/** Options that blocks and pairs of all kinds have: width, attention, norms, and the feed-forward networks' form. */
export const backboneOptions = {
  dModel: { type: 'integer', minimum: 1, required: true, help: 'width of the model' },
  numHeads: { type: 'integer', minimum: 1, required: true, help: 'attention heads' },
  /** Heads of keys and values, each shared by numHeads/numKvHeads query heads. */
  numKvHeads: { type: 'integer', minimum: 1, derived: 'numHeads', help: 'key and value heads' },
  /** Biases in attention: in all four projections, in none, or (`qkv`) in all but that of the output. */
  attentionBias: {
    type: 'choice',
    choices: [true, false, 'qkv'],
    default: true,
    help: 'biases in the projections of the attention: in all, none, or all but that of the output',
  },
  causal: { type: 'boolean', default: true, flag: false, help: 'tokens see those before them alone' },
  rope: { type: 'record', options: ropeOptions, optional: true, flag: false, help: 'rotation by position' },
  /** Hidden width of the MLP. */
  ffnHidden: { type: 'integer', minimum: 1, derived: '4 dModel', help: 'hidden width of the dense layers' },
  ...ffnOptions,
  ...normOptions,
  /** Share of elements set to zero, in training, on every output that is added to the residual stream. */
  dropout: { type: 'number', minimum: 0, below: 1, default: 0, help: 'dropout rate' },
  ...familyOptions,
} as const satisfies OptionSpecs;

/** What blocks and pairs of all kinds have: width, attention, norms, and the feed-forward networks' form. */
export interface BackboneConfig extends OptionsOf<typeof backboneOptions> {}

/** A backbone with every option decided. */
export interface ResolvedBackbone extends ResolvedOptions<typeof backboneOptions> {}

/** A backbone with the defaults filled in. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveBackbone(config: BackboneConfig): ResolvedBackbone {
  const { dModel, numHeads, activation, norm, latent } = config;
  const backbone = resolveOptions(config, backboneOptions, {
    defaults: {
      numKvHeads: numHeads,
      ffnHidden: 4 * dModel,
      ffnBias: defaultFfnBias(activation),
      normEpsilon: defaultEpsilon(norm),
      connectivity: 'regular',
      headSize: latent ? latent.qkNopeHeadDim + latent.qkRopeHeadDim : wholePart(dModel, numHeads),
    },
  });
  const { numKvHeads, rope, headSize, window, causal, clampedGlu } = backbone;
  const isGated = clampedGlu === undefined || activation === 'swiglu';
  expectThat(isGated, 'clampedGlu', `none with activation '${backbone.activation}'`, clampedGlu);
  const fillsModel = config.headSize !== undefined || latent !== undefined || dModel % numHeads === 0;
  expectThat(fillsModel, 'numHeads', `a divisor of dModel = ${dModel}`, numHeads);
  expectThat(numHeads % numKvHeads === 0, 'numKvHeads', `a divisor of numHeads = ${numHeads}`, numKvHeads);
  if (backbone.latent) expectLatentAlone(config, backbone.latent);
  if (backbone.gatedDelta) expectDeltaAlone(config, backbone.gatedDelta);
  if (rope) expectRope(rope, headSize);
  const isFixed = backbone.qkNorm !== 'perHeadTurned' || rope?.scaling?.type !== 'longrope';
  expectThat(isFixed, 'qkNorm', "another than 'perHeadTurned' with a rotation of type longrope", backbone.qkNorm);
  expectThat(window === undefined || causal, 'window', 'none in attention that is not causal', window);
  return backbone;
}

/** What latent attention has not: it has heads, a rotation and norms of its own. */
function expectLatentAlone(config: BackboneConfig, latent: ResolvedLatentAttention): void {
  expectLatent(latent);
  const { rope, numKvHeads, numHeads } = config;
  expectThat(rope === undefined, 'rope', "none with attention 'latent', which turns by latent.ropeTheta", rope);
  const fits = numKvHeads === undefined || numKvHeads === numHeads;
  expectThat(fits, 'numKvHeads', `numHeads = ${numHeads} with latent attention`, numKvHeads);
  for (const name of ['headSize', 'clipQkv', 'attentionScale', 'window'] as const)
    expectThat(config[name] === undefined, name, 'none with latent attention', config[name]);
  for (const [name, only] of Object.entries({ qkNorm: 'none', attentionSinks: false, outputGate: false } as const)) {
    const value = config[name as 'qkNorm' | 'attentionSinks' | 'outputGate'] ?? only;
    expectThat(value === only, name, `${only} with latent attention`, value);
  }
}

/** What a gated delta network has not: it has heads of its own, and knows positions by what it forgets. */
function expectDeltaAlone(config: BackboneConfig, gatedDelta: ResolvedGatedDelta): void {
  expectGatedDelta(gatedDelta);
  const given: Readonly<Record<string, unknown>> = config;
  for (const [name, only] of Object.entries(withoutAttention)) {
    const value = given[name] ?? only;
    expectThat(value === only, name, `${String(only ?? 'none')} with a gated delta network`, value);
  }
}

/** What options of attention are where there is none. */
const withoutAttention = {
  causal: true,
  rope: undefined,
  qkNorm: 'none',
  clipQkv: undefined,
  attentionScale: undefined,
  window: undefined,
  attentionSinks: false,
  outputGate: false,
  latent: undefined,
} as const satisfies Partial<BackboneConfig>;

/** The backbone of a block that has the gated delta network of a model whose other blocks have attention. */
export function deltaBackbone(config: BackboneConfig): BackboneConfig {
  return { ...config, ...withoutAttention };
}

/** d / h where h divides d; else one, until what comes behind has said that it does not. */
function wholePart(d: number, h: number): number {
  return Number.isInteger(d / h) ? d / h : 1;
}

export function defaultFfnBias(activation: string | undefined): boolean {
  return activation !== 'swiglu';
}

export function defaultEpsilon(norm: string | undefined): number {
  return norm === 'rms' || norm === 'zeroCentredRms' ? 1e-6 : 1e-5;
}
