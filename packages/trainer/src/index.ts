export { type Corpus, readCorpus, readDocuments, type TextDocument } from './data/readCorpus.js';
export { type CorpusSplit, splitCorpus } from './data/splitCorpus.js';
export { type EncodeOptions, type Tokenizer, type TokenizerDescription } from './data/Tokenizer.js';
export { createTokenizer, restoreTokenizer } from './data/createTokenizer.js';
export { byteTokenizer } from './data/byteTokenizer.js';
export { characterTokenizer, charactersOf } from './data/characterTokenizer.js';
export { gpt2Tokenizer } from './data/gpt2Tokenizer.js';
export { huggingFaceTokenizer, type HuggingFaceTokenizerOptions } from './data/huggingFace/huggingFaceTokenizer.js';
export { readHuggingFaceTokenizer } from './data/huggingFace/readHuggingFaceTokenizer.js';
export { streamDecoder } from './data/streamDecoder.js';
export { fingerprint } from './data/fingerprint.js';
export { type TokenSequence, tokenizeCorpus } from './data/tokenizeCorpus.js';
export { type BatchShape, randomTokenBatches, sequentialTokenBatches, type TokenBatch } from './data/tokenBatches.js';

export {
  ignoredTarget,
  type MadSample,
  type MadSampler,
  type MadSplit,
  type MadTask,
  type MadTaskName,
  madTaskNames,
  type MadTaskOptions,
} from './data/mad/MadTask.js';
export { inContextRecall } from './data/mad/inContextRecall.js';
export { fuzzyInContextRecall, type FuzzyRecallOptions } from './data/mad/fuzzyInContextRecall.js';
export { noisyInContextRecall } from './data/mad/noisyInContextRecall.js';
export type { NoisyRecallOptions } from './data/mad/NoisyRecallOptions.js';
export { selectiveCopying, type SelectiveCopyingOptions } from './data/mad/selectiveCopying.js';
export { compression } from './data/mad/compression.js';
export { memorization } from './data/mad/memorization.js';
export { createMadTask, type MadOptionsOf } from './data/mad/createMadTask.js';
export { madSettings } from './data/mad/madSettings.js';
export { madSamples, madTestBatches, madTrainingBatches } from './data/mad/madBatches.js';
export { MacroAccuracy } from './data/mad/MacroAccuracy.js';

export { type Batch, type LossContext, type LossResult, type Trainable, type WholeStep } from './train/Trainable.js';
export type { Optimizer, OptimizerStepOptions } from './optimizer/Optimizer.js';
export { AveragedOptimizer, averagesIn } from './optimizer/AveragedOptimizer.js';
export { DivergedError, type Divergence, divergenceCure, divergenceText } from './train/Divergence.js';
export { type StepRecord, train, type TrainOptions } from './train/train.js';
export { accumulateGradients, type Gradients } from './train/accumulateGradients.js';
export { evaluate, type EvaluationResult } from './train/evaluate.js';

export { closeRankGroups, createRankGroups, type RankGroups } from './parallel/RankGroups.js';
export { GradientReducer, type GradientReducerOptions } from './parallel/GradientReducer.js';
export { broadcastStored } from './parallel/broadcastStored.js';
export { checkAgreement } from './parallel/checkAgreement.js';
export { checkAccumulate } from './parallel/shareOf.js';
export { gatherSharded } from './parallel/gatherSharded.js';
export { shardStored } from './parallel/shardStored.js';

export { type CheckpointIndex, type Json, type JsonObject } from './checkpoint/CheckpointIndex.js';
export type { CheckpointContent } from './checkpoint/CheckpointContent.js';
export {
  type CheckpointWriter,
  type CheckpointWriterOptions,
  openCheckpointWriter,
} from './checkpoint/CheckpointWriter.js';
export type { CheckpointPart } from './checkpoint/CheckpointPart.js';
export { pruneCheckpoints, type Retention } from './checkpoint/pruneCheckpoints.js';
export { readIndex } from './checkpoint/readIndex.js';
export { saveCheckpoint } from './checkpoint/saveCheckpoint.js';
export { type Checkpoint, loadCheckpoint, type StoredTensors } from './checkpoint/loadCheckpoint.js';
export { loadWholeCheckpoint, type LoadWholeOptions } from './checkpoint/loadWholeCheckpoint.js';
export {
  checkpointName,
  listCheckpoints,
  listPartFolders,
  listStepFolders,
  partFolder,
  partRankOf,
  stepOf,
} from './checkpoint/listCheckpoints.js';
export { setAsideCheckpoints } from './checkpoint/setAsideCheckpoints.js';
export { findCheckpoint, findLatestCheckpoint, newestCheckpoint } from './checkpoint/findCheckpoint.js';
export { restoreVariables } from './checkpoint/restoreVariables.js';
export { restoreOptimizer } from './checkpoint/restoreOptimizer.js';

export { type MetricsFile, type MetricsRecord, openMetricsFile, readMetricsFile } from './metrics/metricsFile.js';
export { type SummaryFileWriter, summaryFileWriter } from './metrics/summaryFileWriter.js';
export { tensorBoard, type TensorBoardCallback, type TensorBoardCallbackArgs } from './metrics/tensorBoard.js';
export { fileError } from './fileError.js';
export { makeFolder } from './makeFolder.js';
export { isFolderName } from './run/isFolderName.js';
export { createRunFolder, type RunFolder, runFolderAt, runFolderOf } from './run/runFolder.js';
export { type LockOptions, lockRun, type RunLock } from './run/lockRun.js';
