export { meanOf, type ExpertStatistics } from './measure/ExpertStatistics.js';
export { measureExperts } from './measure/measureExperts.js';
export { RecordingDispatcher, type RecordedRouting } from './measure/RecordingDispatcher.js';
export { chooseExperts, numKept, type KeepOptions, type KeptExperts } from './prune/chooseExperts.js';
export {
  needsText,
  pruneCriteria,
  randomScores,
  scoresOfRouters,
  scoresOfText,
  type ExpertScores,
  type PruneCriterion,
} from './prune/criteria.js';
export { prunedTensors, type PruneMode } from './prune/prunedTensors.js';
export { prunedModel } from './prune/prunedModel.js';
export { pruneExperts, pruneFile, type PruneOptions, type PruneReport } from './prune/pruneExperts.js';
export { pruneLines } from './prune/pruneLines.js';
export { startBackend } from './startBackend.js';
export {
  openLanguageModel,
  type OpenModelOptions,
  type StoredLanguageModel,
  type StoredParameters,
} from './stored/openLanguageModel.js';
export { openStoredExperts, type StoredExperts } from './stored/StoredExperts.js';
export { openText, type ModelText } from './stored/openText.js';
export type { ExpertReport, ReportedExpert, ReportedLayer, SpecialToken } from './report/ExpertReport.js';
export { expertSimilarity, type ExpertMatrices } from './report/expertSimilarity.js';
export { reportExperts, type ReportOptions } from './report/reportExperts.js';
export { reportLines } from './report/reportLines.js';
export { reportPage } from './report/reportPage.js';
export {
  placeExperts,
  placementFile,
  placeObjectives,
  type PlaceObjective,
  type PlaceOptions,
  type PlaceReport,
} from './place/placeExperts.js';
export { placeAtHome, placeByLoad, placedTraffic, type PlacedTraffic, type Placement } from './place/placements.js';
export { measurePlacement, type PlacedExperts, type PlacementMeasures } from './place/measurePlacement.js';
export { keptAlong, placeAlong } from './place/placeAlong.js';
export { countsWithin, placeTogether } from './place/placeTogether.js';
export {
  alongProblem,
  placeOnLevels,
  togetherProblem,
  trafficProblem,
  type PlaceProblem,
} from './place/PlaceProblem.js';
export { traceRoutes, type LayerRoutes } from './measure/traceRoutes.js';
export { placeLines } from './place/placeLines.js';
export {
  convertExperts,
  convertFile,
  convertFormats,
  convertMethods,
  type ConvertFormat,
  type ConvertMethod,
  type ConvertOptions,
  type ConvertReport,
} from './convert/convertExperts.js';
export { convertLines } from './convert/convertLines.js';
export { saveExperts, type SaveOptions } from './stored/saveExperts.js';
export { packExperts, packLines } from './store/packExperts.js';
export { writeExpertStore, type LayerExperts, type PackedModel, type WrittenStore } from './store/writeExpertStore.js';
export { openModelExperts, type ModelExperts } from './store/openModelExperts.js';
export { openExpertStore } from './store/openExpertStore.js';
export {
  ExpertStore,
  type ExpertStoreOptions,
  type ExpertStoreStatistics,
  type ExpertWeights,
  type ReadReason,
} from './store/ExpertStore.js';
export type { ExpertStoreHeader, PackedTensor } from './store/ExpertStoreHeader.js';
export { ExpertStoreError } from './store/ExpertStoreError.js';
export { ExpertCache, type EvictionPolicy } from './store/ExpertCache.js';
export { prefetches, storedExperts, type Prefetch } from './store/storedExperts.js';
