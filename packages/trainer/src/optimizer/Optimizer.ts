import type * as tf from '@tensorflow/tfjs';

/** Options of one update. */
export interface OptimizerStepOptions {
  learningRate: number;
  /** A scalar on the device that every gradient is multiplied with first: clipping. */
  gradScale?: tf.Tensor;
}

/**
 * All that the loop and checkpoints ask of an optimizer; `AdamW` and `Muon` of @scmoe/tensor are two. Whoever makes one
 * disposes it.
 */
export interface Optimizer {
  /** A checkpoint goes on with an optimizer of the same name only. */
  readonly name: string;
  /** The number of updates so far, those before a restored state included. */
  readonly stepCount: number;
  /**
   * Updates `variables`, each by the gradient of its name. The result depends on nothing but the variables, the
   * gradients, the options and the state, so that a restored run goes on bit for bit.
   */
  step(
    variables: Record<string, tf.Variable>,
    gradients: Record<string, tf.Tensor>,
    options: OptimizerStepOptions,
  ): void;
  /**
   * What later updates depend on, as handles that they do not change and that the caller disposes. Each is named
   * `<slot>.<variable>` and has the shape of its variable: where a variable is one rank's part of a sharded parameter, the
   * parts are joined, and cut again, along the first axis.
   */
  state(): Record<string, tf.Tensor>;
  /** Takes over what `state` gave after `stepCount` updates; keeps handles of its own. */
  loadState(state: Record<string, tf.Tensor>, stepCount: number): void;
}
