import * as tf from '@tensorflow/tfjs';

import type { Routing } from '../Routing.js';
import { atLeastOne, type SummedLoss } from './LossSums.js';
import { numTokensOf } from './numTokensOf.js';

type Source = Pick<Routing, 'logits' | 'mask'>;

/** The sums of the z-loss: of the squares, and the tokens. */
export const squaredLogits: SummedLoss<Source, { squares: tf.Tensor; tokens: tf.Tensor | number }> = {
  sums: ({ logits, mask }) => {
    if (logits.size === 0) return { squares: tf.sum(logits), tokens: logits.shape[0] };
    const squares = tf.square(tf.logSumExp(logits, 1)); // (T)
    return {
      squares: tf.sum(mask ? tf.where(mask, squares, 0) : squares),
      tokens: numTokensOf({ scores: logits, mask }),
    };
  },
  ofSums: ({ squares, tokens }) => tf.div<tf.Scalar>(squares, atLeastOne(tokens)),
};

/**
 * Mean over the tokens of logsumexp(logits)^2, which keeps logits small (ST-MoE, arXiv 2202.08906, equation 5). 0 without
 * tokens.
 *
 * @returns scalar
 */
export function zLoss(routing: Source): tf.Scalar {
  return tf.tidy(() => squaredLogits.ofSums(squaredLogits.sums(routing)));
}
