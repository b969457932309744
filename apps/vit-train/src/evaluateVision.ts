import type { Communicator } from '@scmoe/comm';
import type { VitBatch, VitLossResult } from '@scmoe/models';
import { evaluate, type EvaluationResult, type Trainable } from '@scmoe/trainer';
import { type ImageSplit, sequentialImageBatches } from '@scmoe/trainer/images';
import * as tf from '@tensorflow/tfjs';

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

/** Shares of the pictures whose class has the best score, and is among the best five: `top1` and `top5`. */
export function accuracies({ logits }: VitLossResult, { labels }: VitBatch): Record<string, tf.Scalar> {
  const [, numClasses] = logits.shape;
  const own = tf.sum(tf.mul(logits, tf.oneHot(labels, numClasses)), 1, true);
  // Ties count against the model: one that gives all classes the same score knows nothing.
  const asGood = tf.sum(tf.cast(tf.greaterEqual(logits, own), 'float32'), 1);
  const within = (places: number) => tf.mean<tf.Scalar>(tf.cast(tf.lessEqual(asGood, places), 'float32'));
  return { top1: within(1), ...(numClasses > 5 && { top5: within(5) }) };
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
