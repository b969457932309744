export { unitsOfPieces } from './tensorParallel/sharePieces.js';
export type { GradientPlacementReport, GradientPlacing } from './overlap/GradientPlacer.js';
export {
  backboneOptions,
  deltaBackbone,
  familyOptions,
  type BackboneConfig,
  type ResolvedBackbone,
} from './config/BackboneConfig.js';
export type { GatedDeltaConfig, GatedDeltaContext, ResolvedGatedDelta } from './config/GatedDeltaConfig.js';
export { gatedDelta, gatedDeltaSpecs } from './sublayers/gatedDelta.js';
export {
  ropeOptions,
  ropeScalingOptions,
  type ResolvedRope,
  type ResolvedRopeScaling,
  type RopeConfig,
  type RopeScalingConfig,
} from './config/RopeConfig.js';
export { blockOptions, resolveBlock, type BlockConfig, type ResolvedBlock } from './stages/block/BlockConfig.js';
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
export {
  pairOptions,
  resolvePair,
  type PairConfig,
  type PairKind,
  type ResolvedPair,
} from './stages/pair/PairConfig.js';
export { blockDropoutStreams, type BlockCache, type BlockContext } from './stages/block/BlockContext.js';
export { blockOperators, type BlockValues } from './stages/block/blockOperators.js';
export { blockSpecs, initializeBlock } from './stages/block/blockSpecs.js';
export { runBlock, type BlockResult, type RunBlockOptions } from './stages/block/runBlock.js';
export { joinPending, type FarSkipContext, type Pending } from './stages/farSkip/Pending.js';
export { wantedRows, type OutputRowsContext } from './sublayers/outputRows.js';
export { LateValue } from './plan/LateValue.js';
export { mixtureOfExperts, MixtureOfExperts } from './tfLayers/MixtureOfExperts.js';
export type { CorrectionBiasArgs } from './tfLayers/correctionBias.js';
export { dgMoE, DgMoE } from './tfLayers/DgMoE.js';
export type { ExpertLayerArgs } from './tfLayers/ExpertLayer.js';
export type { DgMoEArgs, MixtureOfExpertsArgs, ScMoEArgs, SharedExpertMoEArgs } from './tfLayers/moeLayerOptions.js';
export { scMoE, ScMoE } from './tfLayers/ScMoE.js';
export { sharedExpertMoE, SharedExpertMoE } from './tfLayers/SharedExpertMoE.js';
export {
  everyBlock,
  megatronShortcutBlock,
  transformerBlock,
  TransformerBlock,
  type MegatronShortcutBlockArgs,
  type TransformerBlockArgs,
} from './tfLayers/TransformerBlock.js';
export { transformerPair, TransformerPair, type TransformerPairArgs } from './tfLayers/TransformerPair.js';
export { transformerStack, type TransformerStackArgs } from './tfLayers/transformerStack.js';
export type { Dispatcher, ExpertBatch } from './moe/Dispatcher.js';
export type { ExpertSource } from './moe/ExpertSource.js';
export { ExpertParallelDispatcher, type ExpertParallelOptions } from './moe/ExpertParallelDispatcher.js';
export {
  allExperts,
  expertShard,
  expertShares,
  isExpertParameter,
  type ExpertShard,
  type ShardOptions,
} from './moe/expertShard.js';
export { TensorGroup, type TensorShard } from './tensorParallel/TensorGroup.js';
export {
  dispatchOver,
  tensorSchedules,
  type DispatchOverOptions,
  type RankPass,
  type TensorSchedule,
} from './tensorParallel/dispatchOver.js';
export { RowSharesDispatcher } from './tensorParallel/RowSharesDispatcher.js';
export { StageDispatchers } from './tensorParallel/StageDispatchers.js';
export { AllTokensDispatcher } from './tensorParallel/AllTokensDispatcher.js';
export { expectTensorParallel } from './tensorParallel/expectTensorParallel.js';
export { tensorAxis } from './tensorParallel/tensorAxis.js';
export { LocalDispatcher } from './moe/LocalDispatcher.js';
export { moeLayerOperators, moeSpecs, type MoeLayerValues, type ResolvedMoeLayer } from './moe/moeLayerOperators.js';
export { gateSpecs } from './moe/moeOperators.js';
export type { MoeContext } from './moe/moeSublayer.js';
export type { RouteAhead } from './moe/RouteAhead.js';
export { chunkRouting, type ChunkedRouting, type ChunkOptions } from './moe/chunkRouting.js';
export { runMoe, type MoeResult, type RunMoeOptions } from './moe/runMoe.js';
export { dropoutStreams, type PairCache, type PairContext } from './stages/pair/PairContext.js';
export type { RunStageOptions, StageResult } from './stages/runStage.js';
export { pairOperators, type PairValues } from './stages/pair/pairOperators.js';
export { initializePair, pairSpecs } from './stages/pair/pairSpecs.js';
export { runPair, type PairResult, type RunPairOptions } from './stages/pair/runPair.js';
export { normalize, normSpecs, type NormKind, type NormOptions } from './sublayers/normalize.js';
export { PackedSequences, type Packed, type PackedPart } from './sublayers/PackedSequences.js';
export type { KeyValues } from './sublayers/selfAttention.js';
export {
  initializeParameter,
  initializeParameters,
  type InitializationOptions,
} from './parameters/initializeParameters.js';
export { freezeWeight, isProjected, project, type FrozenWeight, type LowRank } from './adapters/project.js';
export { below, parameter, type ParameterRecord } from './parameters/ParameterRecord.js';
export {
  checkParameters,
  countParameters,
  expectParametersFit,
  under,
  type ParameterSpec,
  type ParameterSpecs,
} from './parameters/ParameterSpec.js';
export { OverlapController, type StagePassInfo } from './overlap/OverlapController.js';
export { promptOverlap, type PromptOverlapMode } from './overlap/promptOverlap.js';
export type { OverlapMode, OverlapOptions } from './overlap/OverlapOptions.js';
export type { StageExecution } from './overlap/StageExecution.js';
export type { StageReport } from './overlap/StageReport.js';
export { isJointGate } from './split/isJointGate.js';
export { splitAxes, splitModes, type SplitAxis, type SplitMode } from './split/SplitAxis.js';
export { gatherText } from './overlap/gatherText.js';
export { gatherTrace } from './overlap/gatherTrace.js';
export { spansOf } from './overlap/spansOf.js';
export { observedCosts, type ObservedStage } from './overlap/observedCosts.js';
export { StepRecorder, type StepEvent } from './overlap/StepRecorder.js';
export { executePlan, type ExecutePlanOptions } from './plan/executePlan.js';
export type { RunOptions } from './plan/runOperators.js';
export { operatorGraph, overlapped } from './plan/overlapped.js';
export type { Phase, PlanObserver } from './plan/PlanObserver.js';
export {
  isExchange,
  operatorsOver,
  type Computation,
  type Exchange,
  type Operator,
  type OperatorCosting,
} from './plan/Operator.js';
export { tidyRecord } from './plan/tidyRecord.js';
export { latentAttention, latentAttentionSpecs, type KeyValueLatents } from './sublayers/latentAttention.js';
export {
  resolveLatentAttention,
  type LatentAttentionConfig,
  type LatentAttentionContext,
  type ResolvedLatentAttention,
} from './config/LatentAttentionConfig.js';
export { longcatBlock, LongcatBlock, type LongcatBlockArgs } from './tfLayers/LongcatBlock.js';
export type { AttentionCache } from './sublayers/blockAttention.js';
export {
  longcatOptions,
  resolveLongcatBlock,
  type AttentionKind,
  type LongcatBlockConfig,
  type ResolvedLongcatBlock,
} from './stages/longcat/LongcatBlockConfig.js';
export {
  longcatDropoutStreams,
  longcatOperators,
  type LongcatCache,
  type LongcatContext,
  type LongcatValues,
} from './stages/longcat/longcatOperators.js';
export { initializeLongcatBlock, longcatSpecs } from './stages/longcat/longcatSpecs.js';
export {
  runLongcatBlock,
  type LongcatBlockResult,
  type RunLongcatBlockOptions,
} from './stages/longcat/runLongcatBlock.js';
export { blockCost } from './stages/block/blockCost.js';
export type { CostContext } from './cost/CostContext.js';
export type { CostOptions } from './cost/CostOptions.js';
export { longcatCost } from './stages/longcat/longcatCost.js';
export { moeCost } from './moe/moeCost.js';
export type { LayerCost, OperatorCost } from './cost/OperatorCost.js';
export { pairCost } from './stages/pair/pairCost.js';
