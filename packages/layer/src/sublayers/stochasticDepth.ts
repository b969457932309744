import { dropout, type Seed } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/** Switches stochastic depth on: masks depend on the seed and on the streams from `firstStream` on. */
export interface StochasticDepth {
  firstStream: number;
  /** The chance that a sample goes without what a place of the layer adds to its residual stream, by place. */
  rates: readonly number[];
}

/**
 * Stochastic depth (Huang et al., arXiv 1603.09382) of one residual branch, for each sample by itself, as timm's DropPath:
 * x (B, ...) is 0 for a sample with the chance `rate`, and else 1 / (1 - rate) times what it was, so that the mean over the
 * chances is x. The choice is a function of seed, stream and the sample's place in the batch.
 */
export function dropSamples<T extends tf.Tensor>(
  x: T,
  { rate, seed, stream }: { rate: number; seed: Seed; stream: number },
): T {
  if (rate === 0) return x;
  const factors = dropout(tf.ones([x.shape[0], ...x.shape.slice(1).map(() => 1)]), { rate, seed, stream });
  return tf.mul(x, factors);
}
