import { RandomStream } from '@scmoe/tensor';

import type { Augmentation } from '../augment/Augmentation.js';
import { drawPlan } from '../augment/drawPlan.js';
import { drawMix, type Mixing } from '../augment/mixing.js';
import type { ImageSize } from '../RgbImage.js';
import { augmentStream, imageOrderStream, mixStream } from '../streams.js';
import type { BatchPlan } from './BatchPlan.js';

interface PlanOptions {
  seed: number;
  count: number;
  batchSize: number;
  from: ImageSize;
  to: ImageSize;
  augmentation: Augmentation;
  mixing?: Mixing;
}

/**
 * Draws the batches of a run. Row r of the run is picture r mod count of epoch r / count, each epoch in another order, and
 * what is done to it depends on (seed, r) alone: two batches of 8 hold the rows of one of 16, and differ in what is mixed
 * with what only where a batch ends.
 */
export function planBatches({
  seed,
  count,
  batchSize,
  from,
  to,
  augmentation,
  mixing,
}: PlanOptions): (index: number) => BatchPlan {
  const orders = new RandomStream({ seed, stream: imageOrderStream });
  const ofRow = new RandomStream({ seed, stream: augmentStream });
  const mixesOfRow = new RandomStream({ seed, stream: mixStream });
  // A batch may reach over the end of an epoch, and batches may be made ahead: two orders are enough.
  const kept = new Map<number, Uint32Array>();
  const orderOf = (epoch: number): Uint32Array => {
    let order = kept.get(epoch);
    if (order === undefined) {
      order = orders.fork(epoch).shuffle(Uint32Array.from({ length: count }, (_, i) => i));
      if (kept.size > 1) kept.delete(Math.min(...kept.keys()));
      kept.set(epoch, order);
    }
    return order;
  };
  return (index) => {
    const rows = Array.from({ length: batchSize }, (_, i) => index * batchSize + i);
    return {
      indices: rows.map((row) => orderOf(Math.floor(row / count))[row % count]!),
      plans: rows.map((row) => drawPlan(ofRow.fork(row), { from, to, augmentation })),
      mixes: rows.map((row) => (mixing === undefined ? undefined : drawMix(mixesOfRow.fork(row), to, mixing))),
    };
  };
}
