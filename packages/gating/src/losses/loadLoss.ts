import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { Routing } from '../Routing.js';
import type { SummedLoss } from './LossSums.js';
import { squaredVariation } from './squaredVariation.js';

/** The sums of the load loss: the smooth load of each expert, (N). */
export const smoothLoad: SummedLoss<Routing, { load: tf.Tensor }> = {
  sums: ({ logits, cleanLogits, noiseDeviation, experts, counts, mask }) => {
    if (!cleanLogits || !noiseDeviation)
      throw new ArgumentError('loadLoss: expected a routing with noise (noisy: true, in training), got one without');
    const [tokens, all] = logits.shape;
    const numExperts = counts.shape[0];
    const topK = experts.shape[1];
    if (tokens === 0 || topK === all) {
      const nothing = tf.mul(tf.add(tf.sum(cleanLogits), tf.sum(noiseDeviation)), 0);
      return { load: tf.add(tf.zeros([numExperts]), nothing) };
    }
    const { values } = tf.topk(logits, topK + 1);
    const last = tf.slice(values, [0, topK - 1], [-1, 1]); // (T, 1): what another expert has to reach
    const next = tf.slice(values, [0, topK], [-1, 1]); // what is left to reach for one of the topK
    const threshold = tf.where(tf.greater(logits, next), next, last); // (T, M)
    const probability = normalCdf(tf.div(tf.sub(cleanLogits, threshold), noiseDeviation));
    const counted = mask ? tf.where(tf.expandDims(mask, 1), probability, 0) : probability;
    return { load: tf.slice(tf.sum(counted, 0), 0, numExperts) };
  },
  ofSums: ({ load }) => squaredVariation(load, 'population'),
};

/**
 * Squared coefficient of variation of the experts' smooth load: of each expert, the sum over the tokens of the
 * probability to be among the token's topK if its noise were drawn anew (Shazeer et al., arXiv 1701.06538, appendix A,
 * equations 8-11). Zero-computation experts are left out. 0 where every expert is always chosen.
 *
 * @returns scalar
 * @throws ArgumentError where the routing was made without noise
 */
export function loadLoss(routing: Routing): tf.Scalar {
  return tf.tidy(() => smoothLoad.ofSums(smoothLoad.sums(routing)));
}

function normalCdf(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
}
