import { type Seed, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { Batch, Trainable, WholeStep } from './Trainable.js';

/** Means over the micro-batches. The caller disposes them. */
export interface Gradients {
  loss: tf.Scalar;
  metrics: Record<string, tf.Scalar>;
  grads: Record<string, tf.Tensor>;
}

/** Gradients of a micro-batch, and what its pass has measured. */
export interface MicroBatchGradients extends Gradients {
  measured: Record<string, tf.Tensor>;
}

/** Hears of each gradient as soon as it is final, during the last backward pass; it does not own the tensor. */
export type OnFinal = (name: string, gradient: tf.Tensor) => void;

/** Options of `gradientsOf`. */
export interface GradientOptions {
  seed: Seed;
  /** What the loss is multiplied by before it is differentiated: 1 / micro-batches. */
  share: number | tf.Scalar;
  whole?: WholeStep;
  /** Those of earlier micro-batches, to which `onFinal` is told the sums. */
  earlier?: Record<string, tf.Tensor>;
  onFinal?: OnFinal;
}

/** Loss, metrics and gradients of a micro-batch, which the caller still owns. */
export function gradientsOf<B extends Batch>(
  model: Trainable<B>,
  batch: B,
  { share, earlier, onFinal, ...context }: GradientOptions,
): MicroBatchGradients {
  const scale = (x: tf.Scalar) => (share === 1 ? x : tf.mul<tf.Scalar>(x, share));
  const metrics: Record<string, tf.Scalar> = {};
  const measured: Record<string, tf.Tensor> = {};
  const announce = (name: string, gradient: tf.Tensor) => {
    if (!earlier) return onFinal!(name, gradient);
    const sum = tf.add(earlier[name]!, gradient);
    onFinal!(name, sum);
    sum.dispose();
  };
  const { value, grads } = valueAndGrads(
    () => {
      const result = model.loss(batch, { training: true, ...context });
      for (const [name, metric] of Object.entries(result.metrics ?? {})) metrics[name] = tf.keep(scale(metric));
      for (const [name, tensor] of Object.entries(result.measured ?? {})) measured[name] = tf.keep(tensor);
      return scale(result.loss);
    },
    model.variables,
    { onGrad: onFinal && announce },
  );
  return { loss: value, metrics, grads, measured };
}

/** Sums loss, metrics and gradients, and disposes both. */
export function sumOf(a: Gradients, b: Gradients): Gradients {
  return {
    loss: addOne(a.loss, b.loss),
    metrics: addEach(a.metrics, b.metrics),
    grads: addEach(a.grads, b.grads),
  };
}

function addEach<T extends tf.Tensor>(a: Record<string, T>, b: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(a).map(([name, x]) => [name, addOne(x, b[name]!)]));
}

function addOne<T extends tf.Tensor>(a: T, b: T): T {
  const sum = tf.add<T>(a, b);
  tf.dispose([a, b]);
  return sum;
}
