export { checkSampling, sampleToken, type SamplingOptions } from './generation/sampleToken.js';
export { generate, type GenerateOptions, type TokenPredictor } from './generation/generate.js';
export { Gpt, type GptCache, type GptOptions } from './gpt/Gpt.js';
export {
  resolveGpt,
  type GptConfig,
  type GptMoeConfig,
  type Placement,
  type ResolvedGpt,
  type Stage,
} from './gpt/GptConfig.js';
export { gptCosts, type GptCosts } from './gpt/gptCosts.js';
export { gptSpecs } from './gpt/gptSpecs.js';
export type { RouterLossConfig, RouterLosses } from './gpt/routerLosses.js';
export { readHuggingFace, type JsonObject } from './huggingFace/folder/openFolder.js';
export type { LoadOptions } from './huggingFace/loadModel.js';
export { loadPretrained, savePretrained } from './huggingFace/pretrained.js';
export { PretrainedError } from './huggingFace/PretrainedError.js';
export type { SaveOptions } from './huggingFace/saveModel.js';
export { upcycle, type UpcycleOptions } from './upcycle/upcycle.js';
export {
  LanguageModel,
  type DispatchOptions,
  type ForwardOptions,
  type ForwardResult,
  type LossResult,
  type ModelCache,
  type ModelOptions,
} from './languageModel/LanguageModel.js';
export { LongcatFlash } from './longcatFlash/LongcatFlash.js';
export {
  resolveLongcatFlash,
  type LongcatFlashConfig,
  type LongcatFlashMoeConfig,
  type ResolvedLongcatFlash,
} from './longcatFlash/LongcatFlashConfig.js';
export { longcatFlashSpecs } from './longcatFlash/longcatFlashSpecs.js';
export { loadLongcatFlash, saveLongcatFlash } from './longcatFlash/pretrainedLongcatFlash.js';
