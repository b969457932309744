import * as tf from '@tensorflow/tfjs';

import type { Routing } from './Router.js';

/**
 * numExperts * sum over experts of (mean score) * (share of first choices): 1 when balanced, numExperts when one expert
 * gets everything (Switch, arXiv 2101.03961, equation 4). Its gradient flows through the scores alone. 0 without tokens.
 *
 * @returns scalar
 */
export function loadBalanceLoss({ scores, firstLoad }: Pick<Routing, 'scores' | 'firstLoad'>): tf.Scalar {
  return tf.tidy(() => {
    const [numTokens, numExperts] = scores.shape;
    const perToken = tf.div(tf.cast(firstLoad, 'float32'), Math.max(1, numTokens));
    const meanScores = tf.div(tf.sum(scores, 0), Math.max(1, numTokens));
    return tf.mul<tf.Scalar>(tf.sum(tf.mul(meanScores, perToken)), numExperts);
  });
}
