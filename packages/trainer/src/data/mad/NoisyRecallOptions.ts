import type { MadTaskOptions } from './MadTask.js';

/** Options of `noisyInContextRecall`. */
export interface NoisyRecallOptions extends MadTaskOptions {
  /** The last ids of the vocabulary, which are neither keys nor values. */
  noiseVocabSize?: number;
  /** Probability that a pair is replaced by two tokens of noise. */
  noiseShare?: number;
}
