import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { type Gradients, gradientsOf, type MicroBatchGradients, type OnFinal, sumOf } from './gradientsOf.js';
import type { StepExecution } from './StepExecution.js';
import type { Batch, Trainable, WholeStep } from './Trainable.js';

/**
 * Loss, metrics and gradients of the mean over several micro-batches of equal size. Each loss is divided before it is
 * differentiated, so the sums of the parts are already the means.
 *
 * @param execution how the gradients of a micro-batch and sums of them are computed: operation by operation, unless it says otherwise
 */
export function accumulateGradients<B extends Batch>(
  model: Trainable<B>,
  microBatches: Iterable<{ batch: B; seed: number; whole?: WholeStep }>,
  numMicroBatches: number,
  onFinal?: OnFinal,
  execution: Pick<StepExecution<B>, 'gradients' | 'add'> = {
    gradients: (batch, options) => gradientsOf(model, batch, options),
    add: sumOf,
  },
): Gradients {
  let total: Gradients | undefined;
  let done = 0;
  const share = 1 / numMicroBatches;
  for (const { batch, ...context } of microBatches) {
    const last = ++done === numMicroBatches;
    const earlier = total?.grads;
    const part: MicroBatchGradients = execution.gradients(batch, {
      ...{ ...context, share, earlier },
      ...(last && { onFinal }),
    });
    tf.dispose(batch);
    const { measured, ...gradients } = part;
    model.hear?.(measured);
    tf.dispose(measured);
    total = total ? execution.add(total, gradients) : gradients;
  }
  if (!total) throw new ArgumentError('accumulateGradients: expected at least one micro-batch, got none.');
  return total;
}
