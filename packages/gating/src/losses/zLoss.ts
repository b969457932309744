import * as tf from '@tensorflow/tfjs';

import type { Routing } from '../Routing.js';

/**
 * Mean over the tokens of logsumexp(logits)^2, which keeps logits small (ST-MoE, arXiv 2202.08906, equation 5). 0 without
 * tokens.
 *
 * @returns scalar
 */
export function zLoss({ logits }: Pick<Routing, 'logits'>): tf.Scalar {
  return tf.tidy(() => {
    if (logits.size === 0) return tf.sum(logits);
    return tf.mean(tf.square(tf.logSumExp(logits, 1)));
  });
}
