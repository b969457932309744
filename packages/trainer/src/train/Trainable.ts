import type * as tf from '@tensorflow/tfjs';

/** Tensors of one micro-batch. Whoever asked for them disposes them. */
export type Batch = Record<string, tf.Tensor>;

export interface LossContext {
  training: boolean;
  /** 32-bit seed of this micro-batch alone, for dropout; the same step of a resumed run gets the same one. */
  seed: number;
}

export interface LossResult {
  /** What is differentiated: the mean over the micro-batch, auxiliary losses included. */
  loss: tf.Scalar;
  /** Further scalars worth recording, averaged like the loss. */
  metrics?: Record<string, tf.Scalar>;
}

/** All that the trainer knows of a model. */
export interface Trainable<B extends Batch = Batch> {
  readonly variables: Record<string, tf.Variable>;
  loss(batch: B, context: LossContext): LossResult;
}
