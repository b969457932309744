import type { Route } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

/** Where the tokens of one MoE layer go, with what weight, and what a loss or a report needs to know of it. */
export interface Routing extends Route {
  /** (T, N) before the softmax. */
  logits: tf.Tensor2D;
  /** Slots of each expert; 0 = dropless. */
  capacity: number;
  /** Rows of the packed expert buffer: numExperts * capacity, or T * topK where nothing is dropped. */
  numRows: number;
}

/** The seam for other gates: tokens (T, d) in, a routing out. */
export interface Router {
  /** Chooses experts and slots for tokens (T, d). Runs on the tape: weights and scores carry gradients. */
  route(tokens: tf.Tensor2D): Routing;
}
