import type { Communicator } from '@scmoe/comm';
import * as tf from '@tensorflow/tfjs';

import type { Batch, Trainable, WholeStep } from './Trainable.js';

/**
 * What makes losses that are functions of sums, such as the load balance of routers, those of all micro-batches of a step.
 * A loss is not linear in its sums: its gradient in the first micro-batch needs the last one's. So a rank with several
 * runs each of them once ahead, without a gradient; one with a single one exchanges its sums in the pass that trains.
 *
 * @param own micro-batches of this rank
 * @param numMicroBatches those of all ranks
 * @returns `undefined` where the micro-batch is the whole step, or no loss has sums; call `dispose` after the step
 */
export async function sumsOfStep<B extends Batch>(
  model: Trainable<B>,
  own: Iterable<{ batch: B; seed: number }>,
  { numOwn, numMicroBatches, world }: { numOwn: number; numMicroBatches: number; world?: Communicator },
): Promise<(WholeStep & { dispose(): void }) | undefined> {
  if (numMicroBatches === 1) return undefined;
  if (world && numOwn === 1) {
    const total = (sums: tf.Tensor1D) => world.allReduce<tf.Tensor>(sums).wait() as tf.Tensor1D;
    return { numMicroBatches, total, dispose: () => undefined };
  }
  let sums: tf.Tensor1D | undefined;
  const add = (more: tf.Tensor1D) => {
    const before = sums;
    sums = tf.keep(before ? tf.add(before, more) : tf.clone(more));
    before?.dispose();
    return more;
  };
  for (const { batch, seed } of own) {
    tf.tidy(() => {
      model.loss(batch, { training: true, seed, measuring: true, whole: { numMicroBatches, total: add } });
    });
    tf.dispose(batch);
  }
  if (!sums) return undefined;
  const ofRank = sums;
  const total = world ? ((await world.allReduce<tf.Tensor>(ofRank).done) as tf.Tensor1D) : ofRank;
  if (total !== ofRank) ofRank.dispose();
  return { numMicroBatches, total: () => tf.clone(total), dispose: () => total.dispose() };
}
