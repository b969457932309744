export { steadyPlan } from './predict/steadyPlan.js';
export { fillGaps, type FillGapsOptions, type GapFilling } from './predict/fillGaps.js';
export { networkGaps, type NetworkGap } from './predict/networkGaps.js';
export { chunkAxes, describeCut, numPartsOf, uncut, type ChunkAxisName, type ChunkCut } from './axes/chunkAxes.js';
export type { ChunkAxis, ChunkContext, ChunkOverhead } from './axes/ChunkAxis.js';
export { ofBackward, overheadOfPasses } from './axes/passOverheads.js';
export { agreeOnPlans, type BroadcastText } from './choose/agreeOnPlans.js';
export {
  choosePlans,
  type ChoosePlansOptions,
  type ChosenPlans,
  type BackwardCut,
  type PlanChoice,
  type StageCosts,
} from './choose/choosePlans.js';
export {
  planOverlap,
  type OverlapDecision,
  type PlanCosts,
  type PlanOverlapOptions,
  type RankCosts,
} from './choose/planOverlap.js';
export { explainChoice } from './choose/explainChoice.js';
export { rankPlans, type RankedPlan, type RankPlansOptions } from './choose/rankPlans.js';
export type { DirectionChoice, OverlapChoice, PlanKind } from './choose/OverlapChoice.js';
export { chunkCosts, type ChunkCostOptions } from './costs/chunkCosts.js';
export { separateParts, type SeparatedCosts } from './costs/separateParts.js';
export { halvedCosts, wholeCosts } from './costs/wholeCosts.js';
export { CostModel, type CostKey, type CostModelOptions, type Recorded } from './costs/CostModel.js';
export { median } from './costs/median.js';
export type { OperatorCosts } from './costs/OperatorCosts.js';
export { chunkName, halfName, unchunkedName } from './graph/chunkNames.js';
export { computesOnce, describeWay, recomputations, recomputeWays, type RecomputeWay } from './memory/RecomputeWay.js';
export type { RankMemory } from './memory/RankMemory.js';
export type { MomentFormat } from './memory/MomentFormat.js';
export { stageMemory, type StageMemoryOptions } from './memory/stageMemory.js';
export { withinMemory, type MemoryUse, type WithinMemory } from './memory/withinMemory.js';
export { graphOf, operatorNodes, type ValueOperator } from './graph/graphOf.js';
export { stageGraph, stageKinds, type StageKind } from './graph/stageGraphs.js';
export { OperatorGraph, type RoutedPath } from './graph/OperatorGraph.js';
export { isExchangeKind, type OperatorKind, type OperatorNode } from './graph/OperatorNode.js';
export { communicationShare, hiddenFraction } from './metrics/overlapMetrics.js';
export { checkPlan } from './plan/checkPlan.js';
export { johnsonOrder, type PartCosts } from './plan/johnsonOrder.js';
export { mirrorPlan, mirrorStep } from './plan/mirrorPlan.js';
export { overlappedPlan, type OverlapOptions } from './plan/overlappedPlan.js';
export type { Plan, Step } from './plan/Plan.js';
export { sequentialPlan } from './plan/sequentialPlan.js';
export { simulatePlan, type Schedule, type SimulateOptions, type Span } from './predict/simulatePlan.js';
export { readChromeTrace, writeChromeTrace } from './trace/chromeTrace.js';
export { alignTraces, estimateClockOffset, type ClockOffset, type PingPong } from './trace/clockOffset.js';
export { drawTimeline, type DrawTimelineOptions } from './trace/drawTimeline.js';
export { summarizeTrace, type RankSummary, type TraceSummary } from './trace/summarizeTrace.js';
export type { Trace } from './trace/Trace.js';
export { formatMs } from './trace/timeAxis.js';
export { allToAllMs, checkCluster, type AllToAllAlgorithm, type Cluster, type LinkClass } from './cluster/Cluster.js';
export { clusterMachine } from './cluster/clusterMachine.js';
export {
  allGatherMs,
  allReduceMs,
  clusterSchedules,
  dealsRows,
  possibleSchedules,
  type ClusterSchedule,
  type TensorSlices,
  type TravellingBytes,
} from './cluster/tensorSchedules.js';
export type { CallCost } from './cluster/CallCost.js';
export {
  fitCall,
  rankSchedules,
  type LayerBytes,
  type RankedSchedules,
  type ScheduleCalls,
} from './cluster/chooseSchedule.js';
export { compareContenders, type CompareOptions, type ComparisonRow } from './cluster/compareContenders.js';
export { contenders, type Contender } from './cluster/Contender.js';
export { fitLink, type AllToAllMeasurement } from './cluster/fitLink.js';
export { partContext } from './cluster/partContext.js';
export type { Direction, Machine, PartOverheads, Recomputation, StageGradients } from './cluster/Machine.js';
export {
  checkMeasuredCosts,
  measuredMachine,
  type MeasuredCosts,
  type MeasuredStage,
} from './cluster/measuredMachine.js';
export { checkModelShape, type ModelShape } from './cluster/ModelShape.js';
export { pairCosts, type PairCosts } from './cluster/pairCosts.js';
export { machineShare, predictPair, type PairPrediction, type PredictPairOptions } from './cluster/predictPair.js';
export type { RunKind } from './cluster/RunKind.js';
export { clusterPresets, modelPresets } from './cluster/presets.js';
export { shareMachine, type ShareMachineOptions } from './cluster/shareMachine.js';
export type { KernelCost } from './operatorCosts/kernelCosts.js';
export { mlpCost, selfAttentionCost, type SelfAttentionSizes } from './operatorCosts/sublayerCosts.js';
export { tokenCosts, type TokenCosts, type TokenCostsOptions } from './operatorCosts/TokenCosts.js';
