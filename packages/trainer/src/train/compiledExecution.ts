import { ArgumentError } from '@scmoe/errors';
import { type CompileFunction, globalNorm, seedTensor } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { CompilableOptimizer } from '../optimizer/Optimizer.js';
import { type Gradients, gradientsOf, sumOf } from './gradientsOf.js';
import type { StepExecution } from './StepExecution.js';
import type { Batch, Trainable } from './Trainable.js';

/**
 * A step whose parts are one call each: the gradients of a micro-batch, their sums, their norm, the update, and the pass of an
 * evaluation. Each is compiled at its first call, and again for batches of another shape. Losses over a whole step (`whole`) are sums
 * on the host, and have no compiled form.
 *
 * @param compile what the backend makes one call of a function with: `compile` of `useBackend`'s report
 */
export function compiledExecution<B extends Batch>(
  model: Trainable<B>,
  optimizer: CompilableOptimizer,
  compile: CompileFunction,
): StepExecution<B> {
  const { variables } = model;
  optimizer.prepare(variables);
  const gradients = compile((batch: B, seed: tf.Tensor1D, share: tf.Scalar) =>
    gradientsOf(model, batch, { seed, share }),
  );
  const add = compile((a: Gradients, b: Gradients) => sumOf(copyOf(a), copyOf(b)));
  const norm = compile((parts: tf.Tensor[]) => globalNorm(parts));
  const update = compile((grads: Record<string, tf.Tensor>, rates: tf.Tensor1D, gradScale: tf.Tensor | undefined) => {
    optimizer.update(variables, grads, { rates, ...(gradScale && { gradScale }) });
    return rates; // a compiled function has a result
  });
  const evaluation = compile((batch: B) => {
    const { loss, metrics } = model.loss(batch, { training: false, seed: 0 });
    return { loss, metrics };
  });
  return {
    gradients: (batch, { seed, share, whole, earlier, onFinal }) => {
      if (whole) {
        throw new ArgumentError(
          'compiledExecution: whole: expected none, for a compiled pass knows its own micro-batch alone, got the losses of a whole step',
        );
      }
      const ownSeed = typeof seed === 'number' ? seedTensor(seed) : (seed.clone() as tf.Tensor1D);
      const ownShare = typeof share === 'number' ? tf.scalar(share) : share.clone();
      const result = gradients(batch, ownSeed, ownShare);
      tf.dispose([ownSeed, ownShare]);
      for (const [name, gradient] of Object.entries(onFinal ? result.grads : {})) {
        const sum = earlier ? tf.add(earlier[name]!, gradient) : gradient;
        onFinal!(name, sum);
        if (earlier) sum.dispose();
      }
      return result;
    },
    add: (a, b) => {
      const sum = add(a, b);
      [a, b].forEach(({ loss, metrics, grads }) => tf.dispose([loss, metrics, grads]));
      return sum;
    },
    norm,
    update: (grads, { learningRate, gradScale }) => {
      const rates = tf.tensor1d([...optimizer.advance(learningRate)]);
      tf.dispose([update(grads, rates, gradScale), rates]);
    },
    evaluation: (batch, context) => (context.training ? model.loss(batch, context) : evaluation(batch)),
    dispose: () => [gradients, add, norm, update, evaluation].forEach((compiled) => compiled.dispose()),
  };
}

/** Handles that `sumOf` may dispose: what a compiled function is called with is its caller's. */
function copyOf({ loss, metrics, grads }: Gradients): Gradients {
  const each = <T extends tf.Tensor>(tensors: Record<string, T>) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor.clone()]));
  return { loss: loss.clone(), metrics: each(metrics), grads: each(grads) };
}
