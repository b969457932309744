import * as tf from '@tensorflow/tfjs';

import type { Routing } from '../Routing.js';

/** Tokens of a routing without the masked ones: a number, or a scalar where only the device knows it. */
export function numTokensOf({ scores, mask }: Pick<Routing, 'scores' | 'mask'>): tf.Tensor | number {
  return mask ? tf.sum(tf.cast(mask, 'float32')) : scores.shape[0];
}
