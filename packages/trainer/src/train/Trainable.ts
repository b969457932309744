import type { Seed } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

/** Tensors of one micro-batch. Whoever asked for them disposes them. */
export type Batch = Record<string, tf.Tensor>;

/** What a model is told about a micro-batch besides its tensors. */
export interface LossContext {
  training: boolean;
  /** 32-bit seed of this micro-batch alone, for dropout; the same step of a resumed run gets the same one. */
  seed: Seed;
  /** Makes losses that are no mean over tokens, such as those of routers, the losses of the whole step. */
  whole?: WholeStep;
  /** A pass ahead of the one that trains, for the sums of `whole` alone: whatever else hears of passes leaves it out. */
  measuring?: true;
}

/** How the micro-batches of a step get losses of their sums over all of them; @scmoe/gating has it as `WholeBatch`. */
export interface WholeStep {
  /** Micro-batches of the step, those of all ranks. */
  numMicroBatches: number;
  /** The sums (n) over all of them, in the layout of this one's. */
  total(own: tf.Tensor1D): tf.Tensor1D;
}

/** What a model makes of a micro-batch. */
export interface LossResult {
  /** What is differentiated: the mean over the micro-batch, router losses included. */
  loss: tf.Scalar;
  /** Further scalars worth recording, averaged like the loss. */
  metrics?: Record<string, tf.Scalar>;
  /** What else there is to know of a pass of training, for `hear`; no gradient flows through it. */
  measured?: Record<string, tf.Tensor>;
}

/** All that the trainer knows of a model. */
export interface Trainable<B extends Batch = Batch> {
  readonly variables: Record<string, tf.Variable>;
  /**
   * Computes the loss of a batch. It is called inside a tidy and, in training, on the tape: TF.js operations on
   * `variables`, or fused ones.
   */
  loss(batch: B, context: LossContext): LossResult;
  /** Hears after each pass of training what it has measured; the tensors are the caller's. */
  hear?(measured: Record<string, tf.Tensor>): void;
}
