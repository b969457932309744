import type { RandomStream } from '@scmoe/tensor';

/** Training and test samples come from streams of their own; recall tasks also ask for other targets in a test. */
export type MadSplit = 'train' | 'test';

/** Token ids and what the model should say at each of them, both of the task's `inputLength`. */
export interface MadSample {
  ids: Int32Array;
  /** `ignoredTarget` where nothing is asked. */
  targets: Int32Array;
}

/** One sample, a function of the random numbers alone. */
export type MadSampler = (random: RandomStream, split: MadSplit) => MadSample;

/** One of the six synthetic token tasks of MAD (Poli et al., arXiv 2403.17844, section 3.1) in one setting. */
export interface MadTask {
  readonly name: MadTaskName;
  readonly vocabSize: number;
  /** Tokens of a sample's `ids`. */
  readonly inputLength: number;
  readonly numTrainingSamples: number;
  /** Draws the samples of the data with this seed, which also fixes what all samples share (memorization's map). */
  readonly sampler: (seed: number) => MadSampler;
}

/** Every task of MAD. */
export const madTaskNames = [
  'in-context-recall',
  'fuzzy-in-context-recall',
  'noisy-in-context-recall',
  'selective-copying',
  'compression',
  'memorization',
] as const;

/** A task of MAD. */
export type MadTaskName = (typeof madTaskNames)[number];

/** What every task can be told. */
export interface MadTaskOptions {
  vocabSize?: number;
  /** Tokens of the whole sequence; recall tasks read all but the last and predict all but the first. */
  sequenceLength?: number;
  numTrainingSamples?: number;
}

/** The target that softmaxCrossEntropy leaves out. */
export const ignoredTarget = -100;
