import { dropout, type Seed } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { ResolvedBackbone } from '../config/BackboneConfig.js';
import type { PartOfBatch } from '../split/Halves.js';
import { dropoutOfPart } from './dropoutOfPart.js';
import { dropSamples, type StochasticDepth } from './stochasticDepth.js';

/** Switches dropout on: masks depend on the seed and on the streams from `firstStream` on. */
export interface ResidualDropout {
  seed: Seed;
  firstStream: number;
  /** Beside the dropout of elements, that of samples. */
  stochasticDepth?: StochasticDepth;
  /** What of a batch x is: its elements and samples are dropped as in the whole. By default it is the whole. */
  part?: PartOfBatch;
}

/**
 * What happens to what is added to the residual stream, for each place of a layer (from 0 on, a stream each): its scale, and
 * what training does by chance, dropout of elements, then of samples; or the identity where there is none of them.
 */
export function residualDropout(
  { dropout: rate, residualScale }: Pick<ResolvedBackbone, 'dropout' | 'residualScale'>,
  options: ResidualDropout | undefined,
) {
  return <T extends tf.Tensor>(x: T, place: number): T => {
    const scaled = residualScale === 1 ? x : tf.mul<T>(x, residualScale);
    if (!options) return scaled;
    const { seed, firstStream, stochasticDepth: depth, part } = options;
    const ofElements = { rate, seed, stream: firstStream + place };
    const dropElements = () =>
      (part ? dropoutOfPart(scaled, { ...ofElements, part }) : dropout(scaled, ofElements)) as T;
    const dropped = rate > 0 ? dropElements() : scaled;
    return depth
      ? dropSamples(dropped, { rate: depth.rates[place]!, seed, stream: depth.firstStream + place, part })
      : dropped;
  };
}
