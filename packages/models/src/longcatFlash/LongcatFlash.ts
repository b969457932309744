import { LanguageModel } from '../languageModel/LanguageModel.js';
import type { ModelOptions } from '../stages/StagedModel.js';
import { resolveLongcatFlash, type LongcatFlashConfig } from './LongcatFlashConfig.js';

/**
 * LongCat-Flash (arXiv 2509.01322): shortcut-connected blocks with latent attention, experts of which some compute
 * nothing, a router that a correction bias balances, RMSNorm, and a head of its own.
 *
 * Weights start from normal(0, 0.02), the projections into the residual stream divided by the root of twice the number
 * of attentions, norms from 1, correction biases from 0. The same seed gives the same model. A cache holds the latents of keys
 * and values, `kvLoraRank + qkRopeHeadDim` numbers for each token and attention.
 *
 * @throws ArgumentError naming the option, what is allowed and what came.
 */
export class LongcatFlash extends LanguageModel<LongcatFlashConfig> {
  constructor(config: LongcatFlashConfig, options: ModelOptions) {
    super(config, resolveLongcatFlash(config), options);
  }
}
