export {
  ConfigurationError,
  expectNonNegative,
  expectOneOf,
  expectPositiveInteger,
  expectThat,
} from './config/ConfigurationError.js';
export type { Mix, RoutedConfig } from './config/MoeConfig.js';
export {
  resolveLatentAttention,
  type LatentAttentionConfig,
  type LatentAttentionContext,
  type ResolvedLatentAttention,
} from './config/LatentAttentionConfig.js';
export {
  resolvePair,
  type PairConfig,
  type PairKind,
  type Position,
  type ResolvedPair,
  type RopeConfig,
  type ShortcutNorm,
} from './config/PairConfig.js';
export { mixtureOfExperts, MixtureOfExperts } from './layers/MixtureOfExperts.js';
export type { MixtureOfExpertsArgs, SharedExpertMoEArgs } from './layers/moeLayerOptions.js';
export { scMoE, ScMoE, type ScMoEArgs } from './layers/ScMoE.js';
export { sharedExpertMoE, SharedExpertMoE } from './layers/SharedExpertMoE.js';
export { transformerPair, TransformerPair, type TransformerPairArgs } from './layers/TransformerPair.js';
export type { Dispatcher, ExpertBatch } from './moe/Dispatcher.js';
export { ExpertParallelDispatcher, type ExpertParallelOptions } from './moe/ExpertParallelDispatcher.js';
export { allExperts, expertShard, isExpertParameter, type ExpertShard } from './moe/expertShard.js';
export { LocalDispatcher } from './moe/LocalDispatcher.js';
export { moeSpecs, runMoe, type ResolvedMoeLayer } from './moe/runMoe.js';
export { dropoutStreams, type PairCache, type PairContext } from './pair/PairContext.js';
export { pairOperators, type PairValues } from './pair/pairOperators.js';
export { initializePair, pairSpecs, type ShardOptions } from './pair/pairSpecs.js';
export { runPair, type PairResult, type RunPairOptions } from './pair/runPair.js';
export { normalize, normSpecs, type NormOptions } from './blocks/normalize.js';
export { latentAttention, latentAttentionSpecs, type KeyValueLatents } from './blocks/latentAttention.js';
export type { KeyValues } from './blocks/selfAttention.js';
export {
  initializeParameter,
  initializeParameters,
  type InitializationOptions,
} from './parameters/initializeParameters.js';
export { below, parameter, type ParameterRecord } from './parameters/ParameterRecord.js';
export {
  checkParameters,
  countParameters,
  under,
  type ParameterSpec,
  type ParameterSpecs,
} from './parameters/ParameterSpec.js';
export { executePlan } from './plan/executePlan.js';
export {
  isExchange,
  operatorsOver,
  type Computation,
  type Exchange,
  type Operator,
  type OperatorKind,
} from './plan/Operator.js';
export { sequentialPlan, type Plan, type Step } from './plan/Plan.js';
export { tidyRecord } from './plan/tidyRecord.js';
