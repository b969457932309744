import {
  expectBetween,
  expectKnownOptions,
  expectPositiveInteger,
  expectThat,
  expectWholeNumber,
  optionNames,
} from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { type Augmentation, checkAugmentation } from '../augment/Augmentation.js';
import { checkMixing, type Mixing, softTargets } from '../augment/mixing.js';
import { builtProgram, type WorkerProgram } from '../builtProgram.js';
import type { ImageSplit } from '../ImageSplit.js';
import { openPixels, type PixelReader } from '../PixelStore.js';
import {
  checkPreprocessing,
  checkSize,
  defaultPreprocessing,
  type PreprocessSettings,
} from '../preprocess/PreprocessSettings.js';
import type { ImageSize } from '../RgbImage.js';
import type { BatchPlan, BatchSettings } from './BatchPlan.js';
import { BatchWorkers } from './BatchWorkers.js';
import { planBatches } from './planBatches.js';
import { renderBatch } from './renderBatch.js';

/** Pictures and what they show, as tensors: whoever asked for them disposes them. */
export type ImageBatch = {
  /** (B, height, width, 3) float32 */
  pixels: tf.Tensor4D;
  /** (B) int32; where pictures are mixed, the class of each before it was. */
  labels: tf.Tensor1D;
  /** (B, numClasses) float32: what the loss aims at; each row sums to 1. */
  targets: tf.Tensor2D;
};

/** The same on the host. */
export interface HostImageBatch {
  pixels: Float32Array<ArrayBuffer>;
  labels: Int32Array<ArrayBuffer>;
  targets: Float32Array<ArrayBuffer>;
}

/** Options of `imageBatches`. */
export interface ImageBatchOptions {
  batchSize: number;
  seed: number;
  numClasses: number;
  /** What is done to each picture; nothing by default. */
  augmentation?: Augmentation;
  /** How pictures are mixed with each other; not at all by default. */
  mixing?: Mixing;
  /** e: each class gets e / numClasses of every target, the picture's own the rest. 0 by default. */
  labelSmoothing?: number;
  /** Size of what the model sees; that of the pictures by default. */
  size?: ImageSize;
  /** How levels become numbers: `rescaleFactor` and `normalize` of it. From -1 to 1 by default. */
  preprocessing?: PreprocessSettings;
  /** Threads that make batches ahead; 1 by default. The batches are the same, bit for bit, for any number. */
  workers?: number;
  /** Batches made ahead; 2 by default. */
  prefetch?: number;
  /** Which batch is asked for after this one: the next number by default; on n ranks, the number n further. */
  following?: (index: number) => number;
}

/** Batches of a run, for `train`. */
export interface ImageBatches {
  /** Batch number `index` of the run, in `train`'s sense. */
  drawBatch(index: number): ImageBatch;
  /** The same on the host. */
  drawHostBatch(index: number): HostImageBatch;
  /** How many batches an epoch has; a whole number where the batch size divides the number of pictures. */
  batchesPerEpoch: number;
  /** Ends the threads and closes the file; batches can't be drawn after it. */
  dispose(): Promise<void>;
}

const known = optionNames<ImageBatchOptions>({
  batchSize: true,
  seed: true,
  numClasses: true,
  augmentation: true,
  mixing: true,
  labelSmoothing: true,
  size: true,
  preprocessing: true,
  workers: true,
  prefetch: true,
  following: true,
});

/**
 * Batches that go through a split epoch by epoch, each time in another order, with pictures varied in threads beside the
 * step. Batch `index` is a function of (split, options, index) alone: a resumed run sees what it would have seen. Drawing
 * waits for the threads, without the event loop.
 *
 * @param program what the threads run; without one (source that is not built), batches are made when they are drawn
 * @throws ArgumentError for an option; drawing throws UserError where a picture can't be read.
 */
export function imageBatches(
  split: ImageSplit,
  options: ImageBatchOptions,
  program: WorkerProgram | undefined = builtProgram('batchWorker'),
): ImageBatches {
  checkOptions(split, options);
  const { batchSize, seed, numClasses, augmentation = {}, mixing, labelSmoothing, size = split.size } = options;
  const { preprocessing = defaultPreprocessing, workers = 1, prefetch = 2, following = (index) => index + 1 } = options;
  const settings: BatchSettings = { source: split.source, size, batchSize, normalization: preprocessing };
  const drawBatchPlan = planBatches({
    seed,
    count: split.count,
    batchSize,
    from: split.size,
    to: size,
    augmentation,
    mixing,
  });
  const threads =
    workers > 0 && program !== undefined ? new BatchWorkers(settings, { workers, prefetch, program }) : undefined;
  let reader: PixelReader | undefined;
  let isDisposed = false;

  const makeHere = (plan: BatchPlan): Float32Array<ArrayBuffer> => {
    reader ??= openPixels(split.source.pixels, split.size.height * split.size.width * 3);
    const output = new Float32Array(batchSize * size.height * size.width * 3);
    renderBatch(plan, settings, { reader, output });
    return output;
  };
  // A batch that is made ahead is planned once.
  const plans = new Map<number, BatchPlan>();
  const planOf = (index: number): BatchPlan => {
    const plan = plans.get(index) ?? drawBatchPlan(index);
    plans.set(index, plan);
    return plan;
  };
  const drawHostBatch = (index: number): HostImageBatch => {
    expectWholeNumber('index of a batch', index);
    expectThat(!isDisposed, 'batches', 'that they are not disposed of', 'disposed');
    const next = upcoming(index, prefetch, following);
    for (const kept of plans.keys()) if (!next.includes(kept)) plans.delete(kept);
    const plan = planOf(index);
    threads?.want(next, planOf);
    const pixels = threads?.take(index) ?? makeHere(plan);
    const labels = Int32Array.from(plan.indices, (i) => split.labels[i]!);
    return { pixels, labels, targets: softTargets(labels, plan.mixes, { numClasses, labelSmoothing }) };
  };
  return {
    batchesPerEpoch: split.count / batchSize,
    drawHostBatch,
    drawBatch(index) {
      const { pixels, labels, targets } = drawHostBatch(index);
      return {
        pixels: tf.tensor4d(pixels, [batchSize, size.height, size.width, 3]),
        labels: tf.tensor1d(labels, 'int32'),
        targets: tf.tensor2d(targets, [batchSize, numClasses]),
      };
    },
    async dispose() {
      isDisposed = true;
      reader?.close();
      await threads?.dispose();
    },
  };
}

function upcoming(index: number, prefetch: number, following: (index: number) => number): number[] {
  const indices = [index];
  while (indices.length <= prefetch) indices.push(following(indices.at(-1)!));
  return indices;
}

function checkOptions(split: ImageSplit, options: ImageBatchOptions): void {
  expectKnownOptions('imageBatches', options, known);
  const { batchSize, seed, numClasses, augmentation, mixing, labelSmoothing, size, preprocessing, workers, prefetch } =
    options;
  expectPositiveInteger('batchSize', batchSize);
  expectWholeNumber('seed', seed);
  expectPositiveInteger('numClasses', numClasses);
  const largest = split.labels.reduce((most, label) => Math.max(most, label), 0);
  expectThat(largest < numClasses, 'numClasses', `more than ${largest}, the largest class there is`, numClasses);
  if (augmentation !== undefined) checkAugmentation(augmentation);
  if (mixing !== undefined) checkMixing(mixing);
  expectThat(mixing === undefined || batchSize > 1, 'batchSize', 'at least 2 pictures to mix', batchSize);
  if (labelSmoothing !== undefined) expectBetween('labelSmoothing', labelSmoothing, 0, 1);
  if (size !== undefined) checkSize('size', size);
  if (preprocessing !== undefined) checkPreprocessing(preprocessing);
  if (workers !== undefined) expectWholeNumber('workers', workers);
  if (prefetch !== undefined) expectWholeNumber('prefetch', prefetch);
  const { height, width } = size ?? split.size;
  const room = 2 * (augmentation?.padding ?? 0);
  const fits = height <= split.size.height + room && width <= split.size.width + room;
  expectThat(
    fits || augmentation?.resizedCrop !== undefined,
    'size',
    `at most ${split.size.height + room} x ${split.size.width + room}, what the pictures have with padding`,
    size,
  );
}
