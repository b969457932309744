export type { AdaptedMatrix, AdapterPlan } from './adapters/AdapterPlan.js';
export { adapterTargets, type AdapterOptions, type AdapterTarget } from './adapters/planAdapter.js';
export { checkSampling, type SamplingOptions } from './generation/SamplingOptions.js';
export { SamplingMemory } from './generation/SamplingMemory.js';
export { TokenSampler } from './generation/TokenSampler.js';
export { generate } from './generation/generate.js';
export type { GenerateOptions, TextOptions } from './generation/GenerateOptions.js';
export { GeneratedText, type EndReason, type GeneratedEnd, type GeneratedToken } from './generation/GeneratedText.js';
export {
  GenerationEngine,
  type GenerationEngineOptions,
  type GenerationStatistics,
} from './generation/GenerationEngine.js';
export { QueueFullError, SequenceLengthError } from './generation/generationErrors.js';
export { logProbabilities, type TokenLogProbabilities } from './generation/logProbabilities.js';
export { SequenceCache } from './generation/SequenceCache.js';
export type { SequencePart, SequencePredictor } from './generation/SequencePredictor.js';
export { StopFinder } from './generation/StopFinder.js';
export { Gpt, type GptCache, type GptOptions } from './gpt/Gpt.js';
export { gptOptions, resolveGpt, type GptConfig, type GptMoeConfig, type ResolvedGpt } from './gpt/GptConfig.js';
export { gptCosts, type GptCosts } from './gpt/gptCosts.js';
export { gptSpecs } from './gpt/gptSpecs.js';
export {
  LanguageModel,
  type ForwardOptions,
  type ForwardResult,
  type LanguageModelLossResult,
  type ModelCache,
} from './languageModel/LanguageModel.js';
export { languageModelCosts, type LanguageModelCosts } from './languageModel/languageModelCosts.js';
export type { ResolvedLanguageModel } from './languageModel/ResolvedLanguageModel.js';
export { LongcatFlash } from './longcatFlash/LongcatFlash.js';
export {
  resolveLongcatFlash,
  type LongcatFlashConfig,
  type LongcatFlashMoeConfig,
  type ResolvedLongcatFlash,
} from './longcatFlash/LongcatFlashConfig.js';
export { longcatFlashSpecs } from './longcatFlash/longcatFlashSpecs.js';
export type { InitialValues } from './stages/createVariables.js';
export { isHiddenMatrix } from './stages/isHiddenMatrix.js';
export type { RouterLoads } from './stages/correctionBiases.js';
export { moeOptions, placementOption, type MoeConfig, type Placement, type Stage } from './stages/resolveStages.js';
export { modelLossOptions, type LossResult, type ModelLossConfig, type RouterLosses } from './stages/modelLosses.js';
export type { ModelExpertSource, StageExperts } from './stages/ModelExpertSource.js';
export type { ModelStage } from './stages/runStage.js';
export {
  keptExchanges,
  recomputeModes,
  type KeptExchanges,
  type RecomputeMode,
  type RecomputeOptions,
} from './stages/recompute.js';
export type { DispatchOptions } from './stages/runStages.js';
export { sliceOfParameter, takeParameters } from './stages/takeParameters.js';
export { StagedModel, type ModelOptions, type ResolvedModel } from './stages/StagedModel.js';
export { measureClasses, type ClassMeasures } from './vit/measureClasses.js';
export type { DistillOptions, DistillResult, Teacher } from './languageModel/distillation.js';
export { softTargetLoss } from './vit/softTargetLoss.js';
export {
  Vit,
  type VitBatch,
  type VitForwardOptions,
  type VitForwardResult,
  type VitLossOptions,
  type VitLossResult,
  type VitOptions,
} from './vit/Vit.js';
export { resolveVit, vitOptions, type Pooling, type ResolvedVit, type Stem, type VitConfig } from './vit/VitConfig.js';
export { vitCosts, type VitCosts } from './vit/vitCosts.js';
export { vitSpecs } from './vit/vitSpecs.js';
export { generationTokens, type GenerationTokens } from './huggingFace/config/generationTokens.js';
export { createLanguageModel } from './huggingFace/description/createLanguageModel.js';
export type { LanguageModelDescription } from './huggingFace/description/LanguageModelDescription.js';
export {
  describePretrained,
  isPretrainedFolder,
  loadAdapter,
  loadPretrained,
  openPretrainedExperts,
  readHuggingFace,
  readPretrainedConfig,
  saveAdapter,
  savePretrained,
  type AdapterLayout,
  type AnyPretrained,
  type ClassifierOptions,
  type ExpectedModel,
  type FineTuneOptions,
  type JsonObject,
  type LoadOptions,
  type ModelClass,
  type PretrainedExperts,
  type SaveAdapterOptions,
  type SaveOptions,
} from './huggingFace/files.js';
export { PretrainedError } from './huggingFace/PretrainedError.js';
export type { ExpertChannels } from './upcycle/ExpertChannels.js';
export { upcycle, type UpcycleOptions } from './upcycle/upcycle.js';
