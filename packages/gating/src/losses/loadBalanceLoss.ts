import * as tf from '@tensorflow/tfjs';

import type { Routing } from '../Routing.js';
import { expertProbabilities } from './expertProbabilities.js';

/**
 * numExperts * sum over experts of (mean score) * (share of first choices): 1 when balanced, numExperts when one expert
 * gets everything (Switch, arXiv 2101.03961, equation 4). Its gradient flows through the scores alone. 0 without tokens.
 *
 * Zero-computation experts are left out: scores and shares are those among the experts with a feed-forward network.
 *
 * @returns scalar
 */
export function loadBalanceLoss(
  routing: Pick<Routing, 'scores' | 'counts' | 'scoreFunction' | 'firstLoad'>,
): tf.Scalar {
  return tf.tidy(() => {
    const numExperts = routing.counts.shape[0];
    const numTokens = routing.scores.shape[0];
    const first = tf.cast(tf.slice(routing.firstLoad, 0, numExperts), 'float32');
    const share = tf.div(first, tf.maximum(tf.sum(first), 1));
    const meanScores = tf.div(tf.sum(expertProbabilities(routing), 0), Math.max(1, numTokens));
    return tf.mul<tf.Scalar>(tf.sum(tf.mul(meanScores, share)), numExperts);
  });
}
