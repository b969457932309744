import { globalNorm } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import type { Optimizer, OptimizerStepOptions } from '../optimizer/Optimizer.js';
import { type GradientOptions, type Gradients, gradientsOf, type MicroBatchGradients, sumOf } from './gradientsOf.js';
import type { Batch, Trainable } from './Trainable.js';

/**
 * The parts of a training step that compute, and how they run: operation by operation, or each as one call. What lies between them is
 * the host's: data, exchanges between ranks, a look at the numbers.
 */
export interface StepExecution<B extends Batch = Batch> {
  /** Loss, metrics and gradients of a micro-batch, which stays the caller's. */
  gradients(batch: B, options: GradientOptions): MicroBatchGradients;
  /** Sums loss, metrics and gradients, and disposes both. */
  add(a: Gradients, b: Gradients): Gradients;
  /** Euclidean norm of gradients: a scalar. */
  norm: (gradients: tf.Tensor[]) => tf.Scalar;
  /** Updates the model's variables by the optimizer. */
  update(gradients: Record<string, tf.Tensor>, options: OptimizerStepOptions): void;
  /** The loss of a pass of evaluation, and its metrics; called within a tidy. */
  evaluation: Trainable<B>['loss'];
  /** Frees what was compiled. */
  dispose(): void;
}

/** A step whose operations run one by one. */
export function eagerExecution<B extends Batch>(model: Trainable<B>, optimizer: Optimizer): StepExecution<B> {
  return {
    gradients: (batch, options) => gradientsOf(model, batch, options),
    add: sumOf,
    norm: globalNorm,
    update: (gradients, options) => optimizer.step(model.variables, gradients, options),
    evaluation: (batch, context) => model.loss(batch, context),
    dispose: () => undefined,
  };
}
