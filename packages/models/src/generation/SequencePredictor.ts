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
  /** What `readRoutes` gave for these tokens; without it the model routes them itself. */
  route?: TokenRoute;
}

/** Where the next tokens of a sequence go, before the model computes them. */
export interface TokenRoute {
  /** The experts of its tokens, each once, in every layer. */
  experts: readonly number[];
  /** What the router has made of the tokens, for `advance`. */
  state: Float32Array;
}

/** A language model as generation sees it. */
export interface SequencePredictor {
  readonly vocabSize: number;
  /** Longest sequence that the model can look at, in tokens. */
  readonly sequenceLength: number;
  /**
   * Tokens beyond which a sequence is another one, its first tokens too (LongRoPE): what is kept of shorter ones is read again,
   * in a part that reaches beyond. Absent where what is kept stays right.
   */
  readonly restartLength?: number;
  /** A cache for a new sequence. */
  createCache(): SequenceCache;
  /**
   * Continues several sequences in one pass. Scores (P, vocabSize) of the next tokens, one row for each part that wants them,
   * in their order; undefined where none does. The caller disposes them.
   */
  advance(parts: readonly SequencePart[]): tf.Tensor2D | undefined;
  /**
   * Routes the next tokens of sequences, in a model with a router ahead; others have no such method. The tokens of a sequence are
   * then those of its next part in `advance`, which is given their route.
   */
  readonly readRoutes?: (parts: readonly Pick<SequencePart, 'ids' | 'cache'>[]) => Promise<TokenRoute[]>;
}
