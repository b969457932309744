import { expectPositiveInteger, expectThat } from '@scmoe/errors';

/**
 * Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1; LongCat-Flash, arXiv 2509.01322). The names
 * are those of published configurations.
 */
export interface LatentAttentionConfig {
  /** Width of the latent of the queries; without one, queries are projected from the input directly. */
  qLoraRank?: number;
  /** Width of the latent of keys and values, all that a cache holds of a token besides its rotated key. */
  kvLoraRank: number;
  /** Components of a query or key that know no position, and those that are turned by it; the latter are even. */
  qkNopeHeadDim: number;
  qkRopeHeadDim: number;
  /** Components of a value. */
  vHeadDim: number;
  /** Base of the angles; 10000 by default. */
  ropeTheta?: number;
  /** Latents times sqrt(dModel / rank), as in LongCat-Flash (default); DeepSeek's are not scaled. */
  scaleLatents?: boolean;
  /** Of the norms of both latents; 1e-6 by default, whatever the block's norms have. */
  latentNormEpsilon?: number;
}

/** Latent attention with every option decided. */
export interface ResolvedLatentAttention extends Required<Omit<LatentAttentionConfig, 'qLoraRank'>> {
  qLoraRank?: number;
}

/** What latent attention has to know of the block around it. */
export interface LatentAttentionContext {
  dModel: number;
  numHeads: number;
  /** On the projections from the input and, unless `qkv`, to the output. */
  attentionBias: boolean | 'qkv';
  causal: boolean;
  latent: ResolvedLatentAttention;
}

/** Fills in defaults. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveLatentAttention(config: LatentAttentionConfig): ResolvedLatentAttention {
  const { qLoraRank, kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim } = config;
  const { ropeTheta = 10000, scaleLatents = true, latentNormEpsilon = 1e-6 } = config;
  if (qLoraRank !== undefined) expectPositiveInteger('latent.qLoraRank', qLoraRank);
  for (const [name, value] of Object.entries({ kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim })) {
    expectPositiveInteger(`latent.${name}`, value);
  }
  expectThat(qkRopeHeadDim % 2 === 0, 'latent.qkRopeHeadDim', 'an even number', qkRopeHeadDim);
  expectThat(ropeTheta > 0, 'latent.ropeTheta', 'a number > 0', ropeTheta);
  expectThat(latentNormEpsilon > 0, 'latent.latentNormEpsilon', 'a number > 0', latentNormEpsilon);
  return {
    qLoraRank,
    kvLoraRank,
    qkNopeHeadDim,
    qkRopeHeadDim,
    vHeadDim,
    ropeTheta,
    scaleLatents,
    latentNormEpsilon,
  };
}
