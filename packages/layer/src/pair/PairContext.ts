import { dropout } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import type { KeyValues } from '../blocks/selfAttention.js';
import type { Dispatcher } from '../moe/Dispatcher.js';

/** Keys and values of the tokens so far, of both attentions of a pair. */
export type PairCache = {
  attention1: KeyValues;
  attention2: KeyValues;
};

/** What a pass through a pair depends on besides parameters and configuration. */
export interface PairContext {
  /** Default: all experts on this rank. */
  dispatcher?: Dispatcher;
  /** Tokens that x continues. */
  past?: PairCache;
  /** Lifts the capacity limit whatever the configuration says. */
  dropless?: boolean;
  /** Switches dropout on: masks depend on the seed and on the streams from `firstStream` on, `dropoutStreams` of them. */
  dropout?: { seed: number; firstStream: number };
}

/** Random streams that the dropout of one pair takes. */
export const dropoutStreams = 4;

/** A dropout for each place in the pair (0 to dropoutStreams - 1), or the identity where there is none. */
export function dropoutOf(rate: number, options: PairContext['dropout']) {
  return <T extends tf.Tensor>(x: T, place: number): T =>
    options && rate > 0 ? (dropout(x, { rate, seed: options.seed, stream: options.firstStream + place }) as T) : x;
}
