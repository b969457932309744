import * as tf from '@tensorflow/tfjs';

import type { Routing } from '../Routing.js';
import { expertProbabilities } from './expertProbabilities.js';
import { atLeastOne, type SummedLoss } from './LossSums.js';
import { numTokensOf } from './numTokensOf.js';

type Source = Pick<Routing, 'scores' | 'counts' | 'scoreFunction' | 'firstLoad' | 'mask'>;

/** The sums of the load-balance loss: of scores and of first choices, (N) each, and the tokens. */
export const loadBalance: SummedLoss<Source, { scores: tf.Tensor; first: tf.Tensor; tokens: tf.Tensor | number }> = {
  sums: (routing) => ({
    scores: tf.sum(expertProbabilities(routing), 0),
    first: tf.cast(tf.slice(routing.firstLoad, 0, routing.counts.shape[0]), 'float32'),
    tokens: numTokensOf(routing),
  }),
  ofSums: ({ scores, first, tokens }) => {
    const share = tf.div(first, tf.maximum(tf.sum(first), 1));
    const meanScores = tf.div(scores, atLeastOne(tokens));
    return tf.mul<tf.Scalar>(tf.sum(tf.mul(meanScores, share)), scores.size);
  },
};

/**
 * numExperts * sum over experts of (mean score) * (share of first choices): 1 when balanced, numExperts when one expert
 * gets everything (Switch, arXiv 2101.03961, equation 4). Its gradient flows through the scores alone. 0 without tokens.
 *
 * Zero-computation experts are left out: scores and shares are those among the experts with a feed-forward network.
 *
 * @returns scalar
 */
export function loadBalanceLoss(routing: Source): tf.Scalar {
  return tf.tidy(() => loadBalance.ofSums(loadBalance.sums(routing)));
}
