import type { Communicator } from '@scmoe/comm';
import { ArgumentError } from '@scmoe/errors';
import { nextTurn } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { Batch, Trainable } from './Trainable.js';

/** Weighted means over the batches. */
export interface EvaluationResult {
  loss: number;
  metrics: Record<string, number>;
  /** Sum of the batches' weights: for language models the number of predicted tokens. */
  weight: number;
}

interface Weighted<B extends Batch> {
  batch: B;
  weight: number;
}

/**
 * Mean loss and metrics over batches, without gradients, dropout or change of the model. Each batch counts with its
 * weight, so a shorter last batch counts less. The same batches give the same numbers, bit for bit.
 *
 * @param world ranks that share the batches; every one of them calls it, with the same batches
 * @throws Error when there is no batch.
 */
export async function evaluate<B extends Batch>(
  model: Trainable<B>,
  batches: Iterable<Weighted<B>>,
  { world }: { world?: Communicator | undefined } = {},
): Promise<EvaluationResult> {
  const { rank, size } = world ?? { rank: 0, size: 1 };
  const sums: Record<string, number> = {};
  let total = 0;
  const run = async ({ batch, weight }: Weighted<B>) => {
    const scalars = tf.tidy(() => {
      const { loss, metrics } = model.loss(batch, { training: false, seed: 0 });
      return { ...metrics, loss };
    });
    for (const [name, scalar] of Object.entries(scalars)) {
      sums[name] = (sums[name] ?? 0) + (await scalar.data())[0]! * weight;
    }
    total += weight;
    tf.dispose(scalars);
    await nextTurn();
  };

  for (const round of rounds(batches, size)) {
    if (round.length === size && haveOneShape(round)) {
      await run(round[rank]!);
    } else {
      // All ranks take part in every pass, of the same size: what can't be shared out they do together, and one counts it.
      for (const { batch, weight } of round) await run({ batch, weight: rank === 0 ? weight : 0 });
    }
    tf.dispose(round.map(({ batch }) => batch));
  }

  if (world && size > 1) {
    const names = Object.keys(sums).sort();
    const all = await world.allReduce(Float32Array.from([total, ...names.map((name) => sums[name]!)])).done;
    total = all[0]!;
    names.forEach((name, i) => (sums[name] = all[i + 1]!));
  }
  if (total === 0) throw new ArgumentError('evaluate: expected at least one batch, got none.');
  const means = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / total]));
  const { loss, ...metrics } = means as { loss: number };
  return { loss, metrics, weight: total };
}

function* rounds<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let round: T[] = [];
  for (const item of items) {
    round.push(item);
    if (round.length < size) continue;
    yield round;
    round = [];
  }
  if (round.length > 0) yield round;
}

function haveOneShape<B extends Batch>([first, ...others]: Weighted<B>[]): boolean {
  return others.every(({ batch }) =>
    Object.entries(batch).every(([name, { shape }]) => tf.util.arraysEqual(shape, first!.batch[name]!.shape)),
  );
}
