import { dropout, type Seed } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { takePart, type PartOfBatch } from '../split/Halves.js';

/** Switches stochastic depth on: masks depend on the seed and on the streams from `firstStream` on. */
export interface StochasticDepth {
  firstStream: number;
  /** The chance that a sample goes without what a place of the layer adds to its residual stream, by place. */
  rates: readonly number[];
}

/**
 * Stochastic depth (Huang et al., arXiv 1603.09382) of one residual branch, for each sample by itself, as timm's DropPath:
 * x (B, ...) is 0 for a sample with the chance `rate`, and else 1 / (1 - rate) times what it was, so that the mean over the
 * chances is x. The choice is a function of seed, stream and the sample's place in the batch, of which x may be a part.
 */
export function dropSamples<T extends tf.Tensor>(
  x: T,
  { rate, seed, stream, part }: { rate: number; seed: Seed; stream: number; part?: PartOfBatch },
): T {
  if (rate === 0) return x;
  const numSamples = part ? part.of[0] : x.shape[0];
  const ofBatch = dropout(tf.ones([numSamples, ...x.shape.slice(1).map(() => 1)]), { rate, seed, stream });
  const factors = part?.axis === 'batch' ? takePart(ofBatch, part) : ofBatch;
  return tf.mul(x, factors);
}
