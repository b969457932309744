export * from './index.browser.js';

export { type Corpus, readCorpus, readDocuments } from './data/readCorpus.js';
export { readGgufTokenizerConfig } from './data/huggingFace/gguf/readGgufTokenizer.js';
export { readHuggingFaceTokenizer } from './data/huggingFace/readHuggingFaceTokenizer.js';
export { fingerprint } from './data/fingerprint.js';

export {
  defaultBucketBytes,
  GradientReducer,
  type GradientPacing,
  type GradientReducerOptions,
} from './parallel/GradientReducer.js';
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
export { type Checkpoint, loadCheckpoint, type LoadOptions } from './checkpoint/loadCheckpoint.js';
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

export { type MetricsFile, type MetricsRecord, openMetricsFile, readMetricsFile } from './metrics/metricsFile.js';
export { type SummaryFileWriter, summaryFileWriter } from './metrics/summaryFileWriter.js';
export { tensorBoard, type TensorBoardCallback, type TensorBoardCallbackArgs } from './metrics/tensorBoard.js';
export { fileError } from './fileError.js';
export { makeFolder } from './makeFolder.js';
export { isFolderName } from './run/isFolderName.js';
export { createRunFolder, type RunFolder, runFolderAt, runFolderOf } from './run/runFolder.js';
export { type LockOptions, lockRun, type RunLock } from './run/lockRun.js';
