import { ArgumentError } from '@scmoe/errors';
import { callHost, type CompileFunction, globalNorm, seedTensor } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { CompilableOptimizer } from '../optimizer/Optimizer.js';
import { type Gradients, gradientsOf, type OnFinal, sumOf } from './gradientsOf.js';
import type { StepExecution } from './StepExecution.js';
import type { Batch, Trainable } from './Trainable.js';

/** Options of `compiledExecution`. */
export interface CompiledExecutionOptions {
  /**
   * Bytes of gradients, of the last pass of a step, that are handed out as soon as they are final, while the pass goes on: for ranks that
   * average them meanwhile. Default: all of them after the pass, which is one piece then.
   */
  handOutBytes?: number;
}

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
  { handOutBytes }: CompiledExecutionOptions = {},
): StepExecution<B> {
  const { variables } = model;
  optimizer.prepare(variables);
  // Who hears of the gradients of the pass under way.
  let hear: OnFinal | undefined;
  const gradients = compile((batch: B, seed: tf.Tensor1D, share: tf.Scalar) => {
    const handOut = handOutBytes === undefined ? undefined : inPieces(handOutBytes, (...final) => hear?.(...final));
    return gradientsOf(model, batch, { seed, share, ...(handOut && { onFinal: handOut }) });
  });
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
      const announce: OnFinal = (name, gradient) => {
        const sum = earlier ? tf.add(earlier[name]!, gradient) : gradient;
        onFinal!(name, sum);
        if (earlier) sum.dispose();
      };
      try {
        if (onFinal && handOutBytes !== undefined) hear = announce;
        const result = gradients(batch, ownSeed, ownShare);
        if (onFinal && !hear) for (const [name, gradient] of Object.entries(result.grads)) announce(name, gradient);
        return result;
      } finally {
        hear = undefined;
        tf.dispose([ownSeed, ownShare]);
      }
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

/**
 * Hands gradients to the host within a step that is recorded, and cuts the step after each `bytes` of them, so that these leave while
 * the rest is computed. The last ones need no cut.
 */
function inPieces(bytes: number, hear: OnFinal): OnFinal {
  let gathered = 0;
  return (name, gradient) => {
    gathered += 4 * gradient.size;
    const isCut = gathered >= bytes;
    if (isCut) gathered = 0;
    const run = ([tensor]: readonly tf.Tensor[]) => {
      hear(name, tensor!);
      return [];
    };
    callHost({ name: `the gradient of ${name}`, inputs: [gradient], outputs: [], isCut, run });
  };
}

/** Handles that `sumOf` may dispose: what a compiled function is called with is its caller's. */
function copyOf({ loss, metrics, grads }: Gradients): Gradients {
  const each = <T extends tf.Tensor>(tensors: Record<string, T>) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor.clone()]));
  return { loss: loss.clone(), metrics: each(metrics), grads: each(grads) };
}
