import type * as tf from '@tensorflow/tfjs';

/** Tensors of one micro-batch. Whoever asked for them disposes them. */
export type Batch = Record<string, tf.Tensor>;

/** What a model is told about a micro-batch besides its tensors. */
export interface LossContext {
  training: boolean;
  /** 32-bit seed of this micro-batch alone, for dropout; the same step of a resumed run gets the same one. */
  seed: number;
}

/** What a model makes of a micro-batch. */
export interface LossResult {
  /** What is differentiated: the mean over the micro-batch, router losses included. */
  loss: tf.Scalar;
  /** Further scalars worth recording, averaged like the loss. */
  metrics?: Record<string, tf.Scalar>;
}

/** All that the trainer knows of a model. */
export interface Trainable<B extends Batch = Batch> {
  readonly variables: Record<string, tf.Variable>;
  /**
   * Computes the loss of a batch. It is called inside a tidy and, in training, on the tape: TF.js operations on
   * `variables`, or fused ones.
   */
  loss(batch: B, context: LossContext): LossResult;
}
