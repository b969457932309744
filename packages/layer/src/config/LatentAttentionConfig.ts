import { expectKnownOptions, expectThat } from '@scmoe/errors';
import { resolveOptions, type OptionSpecs, type OptionsOf, type ResolvedOptions } from '@scmoe/gating';

import { expectRope, ropeOptions, type ResolvedRope } from './RopeConfig.js';

/**
 * Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1; LongCat-Flash, arXiv 2509.01322). The names
 * are those of published configurations.
 */
export const latentOptions = {
  /** Width of the latent of the queries; without one, queries are projected from the input directly. */
  qLoraRank: { type: 'integer', minimum: 1, optional: true, help: 'width of the latent of the queries' },
  /** Width of the latent of keys and values, all that a cache holds of a token besides its rotated key. */
  kvLoraRank: { type: 'integer', minimum: 1, required: true, help: 'width of the latent of keys and values' },
  /** Components of a query or key that know no position, and those that are turned by it; the latter are even. */
  qkNopeHeadDim: { type: 'integer', minimum: 1, required: true, help: 'components of a query that do not turn' },
  qkRopeHeadDim: { type: 'integer', minimum: 1, required: true, help: 'components of a query that turn; even' },
  vHeadDim: { type: 'integer', minimum: 1, required: true, help: 'components of a value' },
  ropeTheta: ropeOptions.theta,
  ropeStyle: { ...ropeOptions.style, required: false, default: 'interleaved' },
  /** Angles for longer texts; of `yarn` with `mscaleAllDim`, the scores get a factor as well. */
  ropeScaling: ropeOptions.scaling,
  /** Latents times sqrt(dModel / rank), as in LongCat-Flash; DeepSeek's are not scaled. */
  scaleLatents: { type: 'boolean', default: true, help: 'latents times sqrt(dModel / rank)' },
  /** Epsilon of the norms of both latents, whatever the block's norms have. */
  latentNormEpsilon: { type: 'number', above: 0, default: 1e-6, help: 'added to what the norms of latents divide by' },
} as const satisfies OptionSpecs;

/** Sizes of multi-head latent attention: see `latentOptions`. */
export interface LatentAttentionConfig extends OptionsOf<typeof latentOptions> {}

/** Latent attention with every option decided. */
export interface ResolvedLatentAttention extends ResolvedOptions<typeof latentOptions> {}

/** What latent attention has to know of the block around it. */
export interface LatentAttentionContext {
  dModel: number;
  numHeads: number;
  /** Whether there are biases on the projections from the input and, unless `qkv`, to the output. */
  attentionBias: boolean | 'qkv';
  causal: boolean;
  latent: ResolvedLatentAttention;
}

/** Latent attention with the defaults filled in. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveLatentAttention(config: LatentAttentionConfig): ResolvedLatentAttention {
  expectKnownOptions('latent', config, Object.keys(latentOptions));
  const resolved = resolveOptions(config, latentOptions, { within: 'latent' });
  expectLatent(resolved);
  return resolved;
}

/** Checks the rules between the options. @throws ArgumentError naming the option, what is allowed and what came */
export function expectLatent(latent: ResolvedLatentAttention): void {
  const { qkRopeHeadDim } = latent;
  const scaling = latent.ropeScaling?.type;
  expectThat(scaling !== 'longrope', 'latent.ropeScaling.type', 'none of longrope with latent attention', scaling);
  expectThat(qkRopeHeadDim % 2 === 0, 'latent.qkRopeHeadDim', 'an even number', qkRopeHeadDim);
  expectRope(latentRope(latent), qkRopeHeadDim, 'latent.rope');
}

/** The rotation of the components that turn. */
export function latentRope({ ropeStyle, ropeTheta, ropeScaling }: ResolvedLatentAttention): ResolvedRope {
  return { style: ropeStyle, theta: ropeTheta, ...(ropeScaling && { scaling: ropeScaling }) };
}
