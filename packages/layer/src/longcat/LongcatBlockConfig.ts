import { expectKnownOptions, expectOneOf, expectPositiveInteger, expectThat, optionNames } from '@scmoe/errors';
import { resolveRouter, type RouterConfig } from '@scmoe/gating';

import {
  backboneOptions,
  resolveBackbone,
  type BackboneConfig,
  type ResolvedBackbone,
} from '../config/BackboneConfig.js';
import {
  resolveLatentAttention,
  type LatentAttentionConfig,
  type ResolvedLatentAttention,
} from '../config/LatentAttentionConfig.js';
import { routedOptions, type ResolvedExperts } from '../config/MoeConfig.js';

export const attentionKinds = ['multiHead', 'latent'] as const;
/** Attention of a LongCat block: with keys and values of every head, or latent (MLA). */
export type AttentionKind = (typeof attentionKinds)[number];

/**
 * The shortcut-connected block of LongCat-Flash (arXiv 2509.01322, section 2.2): two attentions and two dense MLPs, and
 * experts that read what the first MLP reads and are added at the end. Of the router's options, `numExperts` counts those
 * with a feed-forward network, `topK` is 2 by default, `normalizeWeights` false and `correctionBias` true.
 */
export interface LongcatBlockConfig extends BackboneConfig, RouterConfig {
  /** Default: `latent` where `latent` is given. */
  attention?: AttentionKind;
  /** Of both attentions; it takes the place of `numKvHeads` and `rope`. */
  latent?: LatentAttentionConfig;
  /** Hidden width of one expert; ffnHidden by default. */
  expertHidden?: number;
}

/** A LongCat block with every option decided. */
export interface ResolvedLongcatBlock extends ResolvedBackbone {
  /** Absent for multi-head attention. */
  latent?: ResolvedLatentAttention;
  moe: ResolvedExperts;
}

export const longcatOptions = optionNames<LongcatBlockConfig>({
  ...backboneOptions,
  ...routedOptions,
  attention: true,
  latent: true,
  expertHidden: true,
});

/**
 * Fills in the defaults: those of LongCat-Flash for activation (`swiglu`), norm (`rms`) and biases (none).
 * @throws ArgumentError naming the option, what is allowed and what came.
 */
export function resolveLongcatBlock(config: LongcatBlockConfig): ResolvedLongcatBlock {
  const { latent, attention = latent ? 'latent' : 'multiHead' } = config;
  expectKnownOptions('LongCat block', config, longcatOptions);
  expectOneOf('attention', attention, attentionKinds);
  const backbone = attention === 'latent' ? latentBackbone(config) : resolveBackbone(withDefaults(config));
  if (attention === 'multiHead') expectThat(latent === undefined, 'latent', "none with attention 'multiHead'", latent);
  const { activation, ffnBias, ffnHidden } = backbone;
  const { expertHidden = ffnHidden, normalizeWeights = false, correctionBias = true } = config;
  expectPositiveInteger('expertHidden', expertHidden);
  const router = resolveRouter({ ...config, normalizeWeights, correctionBias }, { topK: 2 });
  return {
    ...backbone,
    latent: latent && resolveLatentAttention(latent),
    moe: { ...router, activation, ffnBias, expertHidden, dual: false },
  };
}

const withDefaults = (config: LongcatBlockConfig): BackboneConfig => ({
  ...config,
  activation: config.activation ?? 'swiglu',
  norm: config.norm ?? 'rms',
  attentionBias: config.attentionBias ?? false,
});

function latentBackbone(config: LongcatBlockConfig): ResolvedBackbone {
  const { latent, numHeads, numKvHeads, rope } = config;
  expectThat(latent !== undefined, 'latent', "the sizes of latent attention for attention 'latent'", latent);
  expectThat(rope === undefined, 'rope', "none with attention 'latent', which turns by latent.ropeTheta", rope);
  expectThat(numKvHeads === undefined, 'numKvHeads', "none with attention 'latent'", numKvHeads);
  expectPositiveInteger('numHeads', numHeads);
  // Latent heads have sizes of their own: they need not divide dModel.
  return {
    ...resolveBackbone({ ...withDefaults(config), numHeads: 1, numKvHeads: 1 }),
    numHeads,
    numKvHeads: numHeads,
  };
}
