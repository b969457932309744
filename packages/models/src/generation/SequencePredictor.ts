import type * as tf from '@tensorflow/tfjs';

import type { SequenceCache } from './SequenceCache.js';

/** Tokens that continue one sequence. */
export interface SequencePart {
  /** The tokens, at least one. */
  ids: readonly number[];
  /** What the sequence has so far; the tokens are appended to it. */
  cache: SequenceCache;
  /** Whether the scores of the token after the last one are asked for; not within a prompt. */
  wantsScores: boolean;
}

/** A language model as generation sees it. */
export interface SequencePredictor {
  readonly vocabSize: number;
  /** Longest sequence that the model can look at, in tokens. */
  readonly sequenceLength: number;
  /** A cache for a new sequence. */
  createCache(): SequenceCache;
  /**
   * Continues several sequences in one pass. Scores (P, vocabSize) of the next tokens, one row for each part that wants them,
   * in their order; undefined where none does. The caller disposes them.
   */
  advance(parts: readonly SequencePart[]): tf.Tensor2D | undefined;
}
