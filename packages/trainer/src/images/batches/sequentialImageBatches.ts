import { expectPositiveInteger, expectWholeNumber } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { ImageSplit } from '../ImageSplit.js';
import { centerCrop } from '../preprocess/centerCrop.js';
import { normalizePixels } from '../preprocess/preprocess.js';
import {
  checkPreprocessing,
  checkSize,
  defaultPreprocessing,
  type PreprocessSettings,
} from '../preprocess/PreprocessSettings.js';
import type { ImageSize } from '../RgbImage.js';

/** Pictures to evaluate on, as tensors: whoever asked for them disposes them. */
export type EvaluationImageBatch = {
  /** (B, height, width, 3) float32 */
  pixels: tf.Tensor4D;
  /** (B) int32 */
  labels: tf.Tensor1D;
};

/**
 * Batches that hold each picture once, in order, unchanged but for a crop of the middle where `size` is smaller; the last
 * one has what is left. With `maxBatches`, so many full batches spread evenly over the split.
 *
 * @returns batches with the number of their pictures
 */
export function* sequentialImageBatches(
  split: ImageSplit,
  {
    batchSize,
    size = split.size,
    preprocessing = defaultPreprocessing,
    maxBatches = 0,
  }: { batchSize: number; size?: ImageSize; preprocessing?: PreprocessSettings; maxBatches?: number },
): Generator<{ batch: EvaluationImageBatch; weight: number }> {
  expectPositiveInteger('batchSize', batchSize);
  expectWholeNumber('maxBatches', maxBatches);
  checkSize('size', size);
  checkPreprocessing(preprocessing);
  const numChosen = maxBatches > 0 ? Math.min(split.count, maxBatches * batchSize) : split.count;
  const imageBytes = split.size.height * split.size.width * 3;
  const length = size.height * size.width * 3;
  for (let first = 0; first < numChosen; first += batchSize) {
    const weight = Math.min(batchSize, numChosen - first);
    const indices = Array.from({ length: weight }, (_, i) => Math.floor(((first + i) * split.count) / numChosen));
    const levels = split.read(indices);
    const pixels = new Float32Array(weight * length);
    for (let i = 0; i < weight; i++) {
      const data = levels.subarray(i * imageBytes, (i + 1) * imageBytes);
      normalizePixels(
        centerCrop({ ...split.size, data }, size).data,
        pixels.subarray(i * length, (i + 1) * length),
        preprocessing,
      );
    }
    const labels = Int32Array.from(indices, (i) => split.labels[i]!);
    yield {
      batch: {
        pixels: tf.tensor4d(pixels, [weight, size.height, size.width, 3]),
        labels: tf.tensor1d(labels, 'int32'),
      },
      weight,
    };
  }
}
