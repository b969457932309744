import { expectKnownOptions, expectThat } from '@scmoe/errors';
import { resolveOptions, resolveRouter, routerOptions, type OptionSpecs, type OptionsOf } from '@scmoe/gating';

import {
  backboneOptions,
  resolveBackbone,
  type BackboneConfig,
  type ResolvedBackbone,
} from '../../config/BackboneConfig.js';
import { expertOptions, type ResolvedExperts } from '../../config/MoeConfig.js';
import { expectRegular } from '../farSkip/expectFarSkip.js';

/** All options of a LongCat block. */
export const longcatOptions = {
  ...backboneOptions,
  ...routerOptions,
  ...expertOptions,
  /** Attention with keys and values of every head, or latent (MLA). */
  attention: {
    type: 'choice',
    choices: ['multiHead', 'latent'],
    derived: 'latent where latent is given',
    help: 'attention with keys and values of every head, or latent',
  },
} as const satisfies OptionSpecs;

/** Attention of a LongCat block: with keys and values of every head, or latent (MLA). */
export type AttentionKind = (typeof longcatOptions.attention.choices)[number];

/**
 * The shortcut-connected block of LongCat-Flash (arXiv 2509.01322, section 2.2): two attentions and two dense MLPs, and
 * experts that read what the first MLP reads and are added at the end. Of the router's options, `numExperts` counts those
 * with a feed-forward network, `topK` is 2 by default, `normalizeWeights` false and `correctionBias` true.
 */
export interface LongcatBlockConfig extends OptionsOf<typeof longcatOptions> {}

/** A LongCat block with every option decided. */
export interface ResolvedLongcatBlock extends ResolvedBackbone {
  moe: ResolvedExperts;
}

/**
 * A block with the defaults filled in: those of LongCat-Flash for activation (`swiglu`), norm (`rms`) and biases (none).
 * @throws ArgumentError naming the option, what is allowed and what came.
 */
export function resolveLongcatBlock(config: LongcatBlockConfig): ResolvedLongcatBlock {
  expectKnownOptions('LongCat block', config, Object.keys(longcatOptions));
  const { latent } = config;
  const kind = { attention: longcatOptions.attention };
  const { attention } = resolveOptions(config, kind, { defaults: { attention: latent ? 'latent' : 'multiHead' } });
  if (attention === 'latent')
    expectThat(latent !== undefined, 'latent', "the sizes of latent attention for attention 'latent'", latent);
  else expectThat(latent === undefined, 'latent', "none with attention 'multiHead'", latent);
  const backbone = resolveBackbone(withDefaults(config));
  expectThat(backbone.normPlacement === 'before', 'normPlacement', 'before in a LongCat block', backbone.normPlacement);
  expectRegular(backbone, 'in a LongCat block, whose gate has a shortcut already');
  const { activation, ffnBias, ffnHidden, clampedGlu } = backbone;
  const { expertHidden } = resolveOptions(config, expertOptions, { defaults: { expertHidden: ffnHidden } });
  const { normalizeWeights = false, correctionBias = true } = config;
  const router = resolveRouter({ ...config, normalizeWeights, correctionBias }, { topK: 2 });
  return {
    ...backbone,
    moe: { ...router, activation, ffnBias, ...(clampedGlu && { clampedGlu }), expertHidden, dual: false },
  };
}

const withDefaults = (config: LongcatBlockConfig): BackboneConfig => ({
  ...config,
  activation: config.activation ?? 'swiglu',
  norm: config.norm ?? 'rms',
  attentionBias: config.attentionBias ?? false,
});
