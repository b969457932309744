export { checkSampling, sampleToken, type SamplingOptions } from './generation/sampleToken.js';
export { generate, type GenerateOptions, type TokenPredictor } from './generation/generate.js';
export {
  Gpt,
  type DispatchOptions,
  type ForwardOptions,
  type ForwardResult,
  type GptCache,
  type GptOptions,
  type LossResult,
} from './gpt/Gpt.js';
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
