import { languageModelCosts, type LanguageModelCosts } from '../languageModel/languageModelCosts.js';
import type { ResolvedGpt } from './GptConfig.js';

/** Sizes of a GPT. */
export type GptCosts = LanguageModelCosts;

/** Sizes of a GPT from its configuration alone: see {@link languageModelCosts}. */
export function gptCosts(config: ResolvedGpt): GptCosts {
  return languageModelCosts(config);
}
