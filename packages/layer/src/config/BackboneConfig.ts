import { expectThat } from '@scmoe/errors';
import { resolveOptions, type OptionSpecs, type OptionsOf, type ResolvedOptions } from '@scmoe/gating';

/** Rotation of queries and keys by position (RoPE). */
export const ropeOptions = {
  style: { type: 'choice', choices: ['half', 'interleaved'], required: true, help: 'which components turn together' },
  theta: { type: 'number', above: 0, default: 10000, help: 'base of the angles' },
} as const satisfies OptionSpecs;

/** Rotation of queries and keys by position (RoPE). */
export interface RopeConfig extends OptionsOf<typeof ropeOptions> {}

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
  norm: { type: 'choice', choices: ['layer', 'rms'], default: 'layer', help: 'normalisation' },
  normEpsilon: { type: 'number', above: 0, derived: '1e-5; 1e-6 with rms', help: 'added to what a norm divides by' },
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
} as const satisfies OptionSpecs;

/** What blocks and pairs of all kinds have: width, attention, norms, and the feed-forward networks' form. */
export interface BackboneConfig extends OptionsOf<typeof backboneOptions> {}

/** A backbone with every option decided. */
export interface ResolvedBackbone extends ResolvedOptions<typeof backboneOptions> {}

/** A backbone with the defaults filled in. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveBackbone(config: BackboneConfig): ResolvedBackbone {
  const { dModel, numHeads, activation, norm } = config;
  const backbone = resolveOptions(config, backboneOptions, {
    defaults: {
      numKvHeads: numHeads,
      ffnHidden: 4 * dModel,
      ffnBias: defaultFfnBias(activation),
      normEpsilon: defaultEpsilon(norm),
    },
  });
  const { numKvHeads, rope } = backbone;
  expectThat(dModel % numHeads === 0, 'numHeads', `a divisor of dModel = ${dModel}`, numHeads);
  expectThat(numHeads % numKvHeads === 0, 'numKvHeads', `a divisor of numHeads = ${numHeads}`, numKvHeads);
  const headSize = dModel / numHeads;
  expectThat(!rope || headSize % 2 === 0, 'rope', 'an even head size dModel/numHeads', headSize);
  return backbone;
}

export function defaultFfnBias(activation: string | undefined): boolean {
  return activation !== 'swiglu';
}

export function defaultEpsilon(norm: string | undefined): number {
  return norm === 'rms' ? 1e-6 : 1e-5;
}
