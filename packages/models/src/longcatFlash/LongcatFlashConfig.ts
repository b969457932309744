import { expectKnownOptions, expectPositiveInteger, expectThat } from '@scmoe/errors';
import { omitOptions, routerOptions, type OptionSpecs, type OptionsOf } from '@scmoe/gating';
import {
  longcatOptions,
  resolveLongcatBlock,
  type LatentAttentionConfig,
  type ResolvedLongcatBlock,
} from '@scmoe/layer';

import type { ResolvedLanguageModel } from '../languageModel/ResolvedLanguageModel.js';
import { expectNumLayers } from '../stages/expectNumLayers.js';
import { modelLossOptions, resolveModelLosses } from '../stages/modelLosses.js';

/** Options of the router, its experts and its losses; `numExperts` counts those with a feed-forward network. */
export const longcatFlashMoeOptions = {
  ...routerOptions,
  expertHidden: { ...longcatOptions.expertHidden, required: true },
  ...modelLossOptions,
} as const satisfies OptionSpecs;

/** Experts of LongCat-Flash. */
export interface LongcatFlashMoeConfig extends OptionsOf<typeof longcatFlashMoeOptions> {}

/** LongCat-Flash (arXiv 2509.01322). */
export interface LongcatFlashConfig {
  vocabSize: number;
  /** Shortcut-connected blocks, of two attentions and two MLPs each. */
  numLayers: number;
  dModel: number;
  numHeads: number;
  latent: LatentAttentionConfig;
  /** Hidden width of the dense MLPs. */
  ffnHidden: number;
  /** Longest sequence, in tokens. */
  sequenceLength: number;
  attentionBias?: boolean;
  /** Default 1e-5. */
  normEpsilon?: number;
  dropout?: number;
  moe: LongcatFlashMoeConfig;
}

export interface ResolvedLongcatFlash extends ResolvedLanguageModel {
  /** What all blocks have alike. */
  block: ResolvedLongcatBlock;
}

/**
 * Fills in the defaults. The load-balance loss has the coefficient 0 where none is given: LongCat-Flash balances by
 * correction biases.
 * @throws ArgumentError naming the option, what is allowed and what came.
 */
export function resolveLongcatFlash(config: LongcatFlashConfig): ResolvedLongcatFlash {
  const { vocabSize, numLayers, dModel, numHeads, latent, ffnHidden, sequenceLength } = config;
  const { attentionBias = false, normEpsilon = 1e-5, dropout = 0, moe } = config;
  for (const [name, value] of Object.entries({ vocabSize, sequenceLength })) expectPositiveInteger(name, value);
  expectNumLayers(numLayers);
  expectThat(typeof moe === 'object', 'moe', 'options of the router and its experts', moe);
  expectKnownOptions('moe', moe, Object.keys(longcatFlashMoeOptions));
  const { expertHidden, ...router } = omitOptions(moe, modelLossOptions);
  expectPositiveInteger('moe.expertHidden', expertHidden);
  const { routing = 'tokenChoice' } = router;
  const causal = "tokenChoice (with 'expertChoice' a token's experts depend on later tokens)";
  expectThat(routing === 'tokenChoice', 'moe.routing', causal, routing);
  const block = resolveLongcatBlock({
    ...router,
    dModel,
    numHeads,
    attention: 'latent',
    latent,
    ffnHidden,
    expertHidden,
    attentionBias,
    normEpsilon,
    dropout,
    causal: true,
  });
  return {
    vocabSize,
    numLayers: 2 * numLayers,
    dModel,
    sequenceLength,
    positionEncoding: 'rotary',
    tiedEmbeddings: false,
    norm: block.norm,
    normEpsilon,
    dropout,
    routerLosses: resolveModelLosses(moe, { loadBalanceCoefficient: 0 }),
    stages: Array.from({ length: numLayers }, (_, index) => ({
      kind: 'longcat',
      name: `block${index}`,
      config: block,
    })),
    block,
  };
}
