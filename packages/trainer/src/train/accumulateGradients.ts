import { ArgumentError } from '@scmoe/errors';
import { valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { Batch, LossContext, Trainable, WholeStep } from './Trainable.js';

/** Means over the micro-batches. The caller disposes them. */
export interface Gradients {
  loss: tf.Scalar;
  metrics: Record<string, tf.Scalar>;
  grads: Record<string, tf.Tensor>;
}

/** Hears of each gradient as soon as it is final, during the last backward pass; it does not own the tensor. */
export type OnFinal = (name: string, gradient: tf.Tensor) => void;

/**
 * Loss, metrics and gradients of the mean over several micro-batches of equal size. Each loss is divided before it is
 * differentiated, so the sums of the parts are already the means.
 */
export function accumulateGradients<B extends Batch>(
  model: Trainable<B>,
  microBatches: Iterable<{ batch: B; seed: number; whole?: WholeStep }>,
  numMicroBatches: number,
  onFinal?: OnFinal,
): Gradients {
  let total: Gradients | undefined;
  let done = 0;
  for (const { batch, ...context } of microBatches) {
    const part = gradientsOf(model, batch, { training: true, ...context }, 1 / numMicroBatches, {
      earlier: total?.grads,
      onFinal: ++done === numMicroBatches ? onFinal : undefined,
    });
    tf.dispose(batch);
    total = total ? add(total, part) : part;
  }
  if (!total) throw new ArgumentError('accumulateGradients: expected at least one micro-batch, got none.');
  return total;
}

function gradientsOf<B extends Batch>(
  model: Trainable<B>,
  batch: B,
  context: LossContext,
  share: number,
  { earlier, onFinal }: { earlier?: Record<string, tf.Tensor>; onFinal?: OnFinal },
): Gradients {
  const scale = (x: tf.Scalar) => (share === 1 ? x : tf.mul<tf.Scalar>(x, share));
  const metrics: Record<string, tf.Scalar> = {};
  const announce = (name: string, gradient: tf.Tensor) => {
    if (!earlier) return onFinal!(name, gradient);
    const sum = tf.add(earlier[name]!, gradient);
    onFinal!(name, sum);
    sum.dispose();
  };
  const { value, grads } = valueAndGrads(
    () => {
      const result = model.loss(batch, context);
      for (const [name, metric] of Object.entries(result.metrics ?? {})) metrics[name] = tf.keep(scale(metric));
      return scale(result.loss);
    },
    model.variables,
    { onGrad: onFinal && announce },
  );
  return { loss: value, metrics, grads };
}

function add(a: Gradients, b: Gradients): Gradients {
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
