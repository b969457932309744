import { dropout } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

/** Switches dropout on: masks depend on the seed and on the streams from `firstStream` on. */
export interface ResidualDropout {
  seed: number;
  firstStream: number;
}

/** A dropout for each place of a layer (from 0 on, a stream each), or the identity where there is none. */
export function residualDropout(rate: number, options: ResidualDropout | undefined) {
  return <T extends tf.Tensor>(x: T, place: number): T =>
    options && rate > 0 ? (dropout(x, { rate, seed: options.seed, stream: options.firstStream + place }) as T) : x;
}
