import { dropout } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import { dropSamples, type StochasticDepth } from './stochasticDepth.js';

/** Switches dropout on: masks depend on the seed and on the streams from `firstStream` on. */
export interface ResidualDropout {
  seed: number;
  firstStream: number;
  /** Beside the dropout of elements, that of samples. */
  stochasticDepth?: StochasticDepth;
}

/**
 * What training does by chance to what is added to the residual stream, for each place of a layer (from 0 on, a stream each):
 * dropout of elements, then of samples; or the identity where there is none.
 */
export function residualDropout(rate: number, options: ResidualDropout | undefined) {
  return <T extends tf.Tensor>(x: T, place: number): T => {
    if (!options) return x;
    const { seed, firstStream, stochasticDepth: depth } = options;
    const dropped = rate > 0 ? (dropout(x, { rate, seed, stream: firstStream + place }) as T) : x;
    return depth
      ? dropSamples(dropped, { rate: depth.rates[place]!, seed, stream: depth.firstStream + place })
      : dropped;
  };
}
