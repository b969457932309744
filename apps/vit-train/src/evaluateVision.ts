import type { Communicator } from '@scmoe/comm';
import type { VitBatch } from '@scmoe/models';
import { evaluate, type EvaluationResult, type Trainable } from '@scmoe/trainer';
import { type ImageSplit, sequentialImageBatches } from '@scmoe/trainer/images';

import { type DataDescription, resizing } from './data/loadPictures.js';

/** How many pictures are measured, and as what the model sees them. */
export interface PictureBatchOptions {
  batchSize: number;
  imageSize: number;
  normalization: DataDescription['normalization'];
  /** Batches, spread evenly over the split; 0: all of it. */
  evalBatches?: number;
}

/** The pictures of a split, each once and unchanged. */
export function picturesOf(
  split: ImageSplit,
  { batchSize, imageSize: side, normalization, evalBatches = 0 }: PictureBatchOptions,
): Iterable<{ batch: VitBatch; weight: number }> {
  const size = { height: side, width: side };
  const preprocessing = { ...resizing(side), ...normalization };
  return sequentialImageBatches(split, { batchSize, size, preprocessing, maxBatches: evalBatches });
}

/**
 * How well a model classifies the pictures of a split: the mean cross-entropy in nats, `top1` and, with more than five
 * classes, `top5`. The ranks of `world` share the batches; every one of them calls it.
 */
export async function evaluateVision(
  model: Trainable<VitBatch>,
  split: ImageSplit,
  { world, ...options }: PictureBatchOptions & { world?: Communicator },
): Promise<EvaluationResult> {
  const { metrics, weight } = await evaluate(model, picturesOf(split, options), { world });
  const { crossEntropy: loss, loadBalance: _, ...accuracy } = metrics;
  return { loss: loss!, metrics: accuracy, weight };
}
