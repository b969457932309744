import { setImmediate } from 'node:timers/promises';

import * as tf from '@tensorflow/tfjs';

import type { Batch, Trainable } from './Trainable.js';

export interface EvaluationResult {
  loss: number;
  metrics: Record<string, number>;
  /** Sum of the batches' weights: for language models the number of predicted tokens. */
  weight: number;
}

/**
 * Mean loss and metrics over batches, without gradients, dropout or change of the model. Each batch counts with its
 * weight, so a shorter last batch counts less. The same batches give the same numbers, bit for bit.
 *
 * @throws Error when there is no batch.
 */
export async function evaluate<B extends Batch>(
  model: Trainable<B>,
  batches: Iterable<{ batch: B; weight: number }>,
): Promise<EvaluationResult> {
  const sums: Record<string, number> = {};
  let total = 0;
  for (const { batch, weight } of batches) {
    const scalars = tf.tidy(() => {
      const { loss, metrics } = model.loss(batch, { training: false, seed: 0 });
      return { ...metrics, loss };
    });
    for (const [name, scalar] of Object.entries(scalars)) {
      sums[name] = (sums[name] ?? 0) + (await scalar.data())[0]! * weight;
    }
    total += weight;
    tf.dispose([scalars, batch]);
    await setImmediate();
  }
  if (total === 0) throw new Error('evaluate: expected at least one batch, got none.');
  const means = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / total]));
  const { loss, ...metrics } = means as { loss: number };
  return { loss, metrics, weight: total };
}
