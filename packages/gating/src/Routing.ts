import type { Route, ScoreFunction } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

/**
 * Where the tokens of one MoE layer go, with what weight, and what a loss or a report needs to know of it. T tokens,
 * N experts with a feed-forward network, Z zero-computation experts, M = N + Z, k choices per token. A masked token has
 * scores and weights of 0 and the expert -1, which is nobody: it is in no count, and no loss or report sees it.
 *
 * In `Route`: `scores` (T, M), `weights` and `experts` and `slots` (T, k), `counts` (N), `load` and `firstLoad` (M). With
 * expert choice k = N: every expert is a choice of every token, with the slot -1 where it did not take the token.
 */
export interface Routing extends Route {
  /** (T, M) before the score function, with the noise. */
  logits: tf.Tensor2D;
  scoreFunction: ScoreFunction;
  /** Slots of each expert; 0 = dropless. Under a mask as many are filled as the tokens alone would have had. */
  capacity: number;
  /** Rows of the packed expert buffer: N * capacity, or T * k where nothing is dropped. */
  numRows: number;
  /** (T, 1), where there are zero-computation experts: the sum of their weights. What they add to the output is this
   * times what the layer read. */
  identityWeights?: tf.Tensor2D;
  /** (T, M), where noise was added: logits without it, and its standard deviation. */
  cleanLogits?: tf.Tensor2D;
  noiseDeviation?: tf.Tensor2D;
  /** (T) bool, where there was one: false for padding. */
  mask?: tf.Tensor1D;
}
