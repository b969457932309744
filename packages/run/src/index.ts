export { type CommandLine, type MakeCommand, runCommandLine, runProcess } from './cli/runCommandLine.js';
export { say, silent, type Terminal } from './cli/Terminal.js';

export { applyConfigFile } from './options/configFile.js';
export { expertOptions, type ExpertSettings, moeConfig } from './options/expertOptions.js';
export { generationRankOptions, type GenerationRankFlags } from './options/generationRankOptions.js';
export { addOptions, type OptionGroup, type OptionRow, optionsOf } from './options/OptionGroup.js';
export type { OverlapOptions } from './options/overlapOptions.js';
export { absolutePath, realNumber, wholeNumber } from './options/parsers.js';
export { rankOptions, type RankOptions } from './options/rankOptions.js';
export { runtimeOptions, type RuntimeOptions } from './options/runtimeOptions.js';
export type { RunSettings } from './options/Settings.js';
export { tableConfig, tableOptions } from './options/tableOptions.js';
export { type LoopSettings, trainingOptions } from './options/trainingOptions.js';

export { generationDispatch } from './ranks/generationDispatch.js';
export { joinRanks, type Ranks } from './ranks/joinRanks.js';
export { oncePerHost, type OncePerHostOptions } from './ranks/oncePerHost.js';
export { openRestarts, type Restarts } from './ranks/restarts.js';

export { accuracies } from './report/accuracies.js';
export { commandName } from './report/commandName.js';
export { expertsInWords } from './report/expertsInWords.js';
export { count, duration, megabytes, short } from './report/format.js';
export { heatMap, type HeatMapOptions } from './report/heatMap.js';
export { loadTable } from './report/loadTable.js';
export { measureExpertLoad } from './report/measureExpertLoad.js';
export { type PatchCover, patchMap, type PatchMapOptions } from './report/patchMap.js';
export { overlapTable } from './report/overlapTable.js';
export { nextLines, resultLines, type ResultLinesOptions } from './report/resultLines.js';
export { type CountDisplay, showCount } from './report/showCount.js';
export { tableLines } from './report/tableLines.js';

export { evalCommand, type EvalCommandOptions } from './training/evalCommand.js';
export type { ExpertsElsewhere, OpenedExperts } from './training/ExpertsElsewhere.js';
export { openModel, type OpenedModel, type TrainedModel } from './training/openModel.js';
export { openTrainedModel } from './training/openTrainedModel.js';
export type { PassOptions, PassResult, RunModel } from './training/RunModel.js';
export { runTraining } from './training/runTraining.js';
export { startBackend } from './training/startBackend.js';
export { trainable } from './training/trainable.js';
export { trainCommand, type TrainCommandForm } from './training/trainCommand.js';
export type { TrainCommandOptions } from './training/TrainCommandOptions.js';
export type {
  ModelDescription,
  ModelOptions,
  Objective,
  ProgramTypes,
  RankPlace,
  RunData,
  Samples,
  TrainingProgram,
  TrainingResult,
} from './training/TrainingProgram.js';
