import { LanguageModel, type ModelCache } from '../languageModel/LanguageModel.js';
import type { ModelOptions } from '../stages/StagedModel.js';
import { resolveGpt, type GptConfig } from './GptConfig.js';

/** Keys and values of the tokens so far. */
export type GptCache = ModelCache;
/** Where the parameters of a GPT come from, and which experts it holds. */
export type GptOptions = ModelOptions;

/**
 * A GPT: pre-norm transformer blocks, in pairs of which the second has experts in place of its MLP, or each for itself.
 *
 * Initialised as GPT-2: weights normal(0, 0.02), the projections into the residual stream divided by
 * sqrt(2 * numLayers), biases 0, norms 1. The same seed gives the same model.
 *
 * With `experts`, the ranks of an expert-parallel group hold a share of the experts each, and everything else alike. A
 * share has the numbers that those experts have in the whole model.
 *
 * @throws ArgumentError naming the option, what is allowed and what came.
 */
export class Gpt extends LanguageModel<GptConfig> {
  constructor(config: GptConfig, options: GptOptions) {
    super(config, resolveGpt(config), options);
  }
}
