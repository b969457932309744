import { RandomStream } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { madOrderStream, madSampleStream } from '../../streams.js';
import type { TokenBatch } from '../tokenBatches.js';
import { expectWhole } from './checkOptions.js';
import type { MadSample, MadSplit, MadTask } from './MadTask.js';

interface SampleRange {
  split: MadSplit;
  seed: number;
  /** Number of the first sample. */
  first?: number;
  count: number;
}

const forkOf: Record<MadSplit, number> = { train: 0, test: 1 };

/** Samples `first` to `first + count - 1` of a split. Each is a function of the task, the seed, the split and its number. */
export function madSamples(task: MadTask, { split, seed, first = 0, count }: SampleRange): MadSample[] {
  const draw = task.sampler(seed);
  const samples = new RandomStream({ seed, stream: madSampleStream }).fork(forkOf[split]);
  return Array.from({ length: count }, (_, i) => draw(samples.fork(first + i), split));
}

/**
 * Batches that go through the training samples epoch by epoch, each time in another order, for `train`'s `drawBatch`.
 * Batch `index` of a run is a function of (task, seed, index). The samples are drawn once, at the call.
 *
 * @returns batches, and how many of them make an epoch (the rest of the samples is left out of it, others each time)
 * @throws UserError where there are fewer samples than a batch takes.
 */
export function madTrainingBatches(
  task: MadTask,
  { batchSize = 128, seed }: { batchSize?: number; seed: number },
): {
  /** Batch number `index` of the run. */
  drawBatch: (index: number) => TokenBatch;
  batchesPerEpoch: number;
} {
  const { numTrainingSamples } = task;
  expectWhole('batchSize', batchSize);
  expectWhole('numTrainingSamples', numTrainingSamples, { minimum: batchSize, because: 'batchSize' });
  const samples = madSamples(task, { split: 'train', seed, count: numTrainingSamples });
  const batchesPerEpoch = Math.floor(numTrainingSamples / batchSize);
  const orders = new RandomStream({ seed, stream: madOrderStream });
  let last: { epoch: number; order: Uint32Array } | undefined;
  const orderOf = (epoch: number) => {
    if (last?.epoch !== epoch) {
      const order = orders.fork(epoch).shuffle(Uint32Array.from({ length: numTrainingSamples }, (_, i) => i));
      last = { epoch, order };
    }
    return last.order;
  };
  return {
    batchesPerEpoch,
    drawBatch: (index) => {
      const start = (index % batchesPerEpoch) * batchSize;
      const order = orderOf(Math.floor(index / batchesPerEpoch));
      return batchOf(Array.from(order.subarray(start, start + batchSize), (i) => samples[i]!));
    },
  };
}

/** All test samples in batches, the last one smaller where it has to be. */
export function* madTestBatches(
  task: MadTask,
  { numSamples = 1280, batchSize = 128, seed }: { numSamples?: number; batchSize?: number; seed: number },
): Generator<TokenBatch> {
  expectWhole('batchSize', batchSize);
  expectWhole('numSamples', numSamples);
  for (let first = 0; first < numSamples; first += batchSize) {
    const count = Math.min(batchSize, numSamples - first);
    yield batchOf(madSamples(task, { split: 'test', seed, first, count }));
  }
}

function batchOf(samples: readonly MadSample[]): TokenBatch {
  const length = samples[0]!.ids.length;
  const stack = (part: keyof MadSample) => {
    const rows = new Int32Array(samples.length * length);
    samples.forEach((sample, i) => rows.set(sample[part], i * length));
    return tf.tensor2d(rows, [samples.length, length], 'int32');
  };
  return { ids: stack('ids'), targets: stack('targets') };
}
