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
export { resolveGpt, type GptConfig, type GptMoeConfig, type ResolvedGpt } from './gpt/GptConfig.js';
export { gptCosts, type GptCosts } from './gpt/gptCosts.js';
export { gptSpecs } from './gpt/gptSpecs.js';
