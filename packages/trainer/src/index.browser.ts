// What of this package runs in a browser: tokens, batches, the loop and what it needs. Corpora, checkpoints, metrics and run
// folders are files.
export type { TextDocument } from './data/readCorpus.js';
export { type CorpusSplit, splitCorpus } from './data/splitCorpus.js';
export { type EncodeOptions, type Tokenizer, type TokenizerDescription } from './data/Tokenizer.js';
export { createTokenizer, restoreTokenizer } from './data/createTokenizer.js';
export { byteTokenizer } from './data/byteTokenizer.js';
export { characterTokenizer, charactersOf } from './data/characterTokenizer.js';
export { gpt2Tokenizer } from './data/gpt2Tokenizer.js';
export { huggingFaceTokenizer, type HuggingFaceTokenizerOptions } from './data/huggingFace/huggingFaceTokenizer.js';
export { streamDecoder } from './data/streamDecoder.js';
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
export {
  type CompilableOptimizer,
  type CompiledUpdateOptions,
  isCompilable,
  type Optimizer,
  type OptimizerStepOptions,
} from './optimizer/Optimizer.js';
export { AveragedOptimizer, averagesIn } from './optimizer/AveragedOptimizer.js';
export { slicedMatrices } from './optimizer/slicedMatrices.js';
export { DivergedError, type Divergence, divergenceCure, divergenceText } from './train/Divergence.js';
export { type StepRecord, train, type TrainingClock, type TrainOptions } from './train/train.js';
export { accumulateGradients } from './train/accumulateGradients.js';
export type { GradientOptions, Gradients, MicroBatchGradients, OnFinal } from './train/gradientsOf.js';
export { eagerExecution, type StepExecution } from './train/StepExecution.js';
export { compiledExecution, type CompiledExecutionOptions } from './train/compiledExecution.js';
export { capturedExecution } from './train/capturedExecution.js';
export { evaluate, type EvaluationResult } from './train/evaluate.js';
export { closeRankGroups, createRankGroups, type ParameterPlacement, type RankGroups } from './parallel/RankGroups.js';

export type { StoredTensors } from './checkpoint/loadCheckpoint.js';
export { restoreVariables } from './checkpoint/restoreVariables.js';
export { restoreOptimizer } from './checkpoint/restoreOptimizer.js';
