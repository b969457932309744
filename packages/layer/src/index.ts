export {
  backboneOptions,
  type BackboneConfig,
  type ResolvedBackbone,
  type RopeConfig,
} from './config/BackboneConfig.js';
export { blockOptions, resolveBlock, type BlockConfig, type ResolvedBlock } from './config/BlockConfig.js';
export {
  blockMoeOptions,
  positionOption,
  type BlockKind,
  type BlockMoeConfig,
  type Position,
  type ResolvedMoe,
  type ShortcutNorm,
} from './config/BlockMoeConfig.js';
export type { Mix, ResolvedExperts } from './config/MoeConfig.js';
export { pairOptions, resolvePair, type PairConfig, type PairKind, type ResolvedPair } from './config/PairConfig.js';
export { blockDropoutStreams, type BlockCache, type BlockContext } from './block/BlockContext.js';
export { blockOperators, type BlockValues } from './block/blockOperators.js';
export { blockSpecs, initializeBlock } from './block/blockSpecs.js';
export { runBlock, type BlockResult, type RunBlockOptions } from './block/runBlock.js';
export { mixtureOfExperts, MixtureOfExperts } from './layers/MixtureOfExperts.js';
export type { CorrectionBiasArgs } from './layers/correctionBias.js';
export { dgMoE, DgMoE } from './layers/DgMoE.js';
export type { ExpertLayerArgs } from './layers/ExpertLayer.js';
export type { DgMoEArgs, MixtureOfExpertsArgs, ScMoEArgs, SharedExpertMoEArgs } from './layers/moeLayerOptions.js';
export { scMoE, ScMoE } from './layers/ScMoE.js';
export { sharedExpertMoE, SharedExpertMoE } from './layers/SharedExpertMoE.js';
export {
  everyBlock,
  megatronShortcutBlock,
  transformerBlock,
  TransformerBlock,
  type MegatronShortcutBlockArgs,
  type TransformerBlockArgs,
} from './layers/TransformerBlock.js';
export { transformerPair, TransformerPair, type TransformerPairArgs } from './layers/TransformerPair.js';
export { transformerStack, type TransformerStackArgs } from './layers/transformerStack.js';
export type { Dispatcher, ExpertBatch } from './moe/Dispatcher.js';
export { ExpertParallelDispatcher, type ExpertParallelOptions } from './moe/ExpertParallelDispatcher.js';
export { allExperts, expertShard, isExpertParameter, type ExpertShard, type ShardOptions } from './moe/expertShard.js';
export { LocalDispatcher } from './moe/LocalDispatcher.js';
export { moeLayerOperators, moeSpecs, type MoeLayerValues, type ResolvedMoeLayer } from './moe/moeLayerOperators.js';
export type { MoeContext } from './moe/moeSublayer.js';
export { runMoe, type MoeResult, type RunMoeOptions } from './moe/runMoe.js';
export { dropoutStreams, type PairCache, type PairContext } from './pair/PairContext.js';
export { pairOperators, type PairValues } from './pair/pairOperators.js';
export { initializePair, pairSpecs } from './pair/pairSpecs.js';
export { runPair, type PairResult, type RunPairOptions } from './pair/runPair.js';
export { normalize, normSpecs, type NormOptions } from './blocks/normalize.js';
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
export {
  OverlapController,
  type StageExecution,
  type StageReport,
  type OverlapMode,
  type OverlapOptions,
} from './overlap/OverlapController.js';
export { gatherTrace } from './overlap/gatherTrace.js';
export { spansOf } from './overlap/spansOf.js';
export type { StepEvent } from './overlap/StepRecorder.js';
export { executePlan, type ExecutePlanOptions } from './plan/executePlan.js';
export { operatorGraph, overlapped } from './plan/overlapped.js';
export { mirrored, type Phase, type PlanObserver } from './plan/PlanObserver.js';
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
export { latentAttention, latentAttentionSpecs, type KeyValueLatents } from './blocks/latentAttention.js';
export {
  resolveLatentAttention,
  type LatentAttentionConfig,
  type LatentAttentionContext,
  type ResolvedLatentAttention,
} from './config/LatentAttentionConfig.js';
export { longcatBlock, LongcatBlock, type LongcatBlockArgs } from './layers/LongcatBlock.js';
export type { AttentionCache } from './longcat/longcatAttention.js';
export {
  longcatOptions,
  resolveLongcatBlock,
  type AttentionKind,
  type LongcatBlockConfig,
  type ResolvedLongcatBlock,
} from './longcat/LongcatBlockConfig.js';
export {
  longcatDropoutStreams,
  longcatOperators,
  type LongcatCache,
  type LongcatContext,
  type LongcatValues,
} from './longcat/longcatOperators.js';
export { initializeLongcatBlock, longcatSpecs } from './longcat/longcatSpecs.js';
export { runLongcatBlock, type LongcatBlockResult, type RunLongcatBlockOptions } from './longcat/runLongcatBlock.js';
export { blockCost } from './cost/blockCost.js';
export type { CostOptions } from './cost/CostOptions.js';
export { longcatCost } from './cost/longcatCost.js';
export { moeCost } from './cost/moeCost.js';
export type { LayerCost, OperatorCost } from './cost/OperatorCost.js';
export { pairCost } from './cost/pairCost.js';
