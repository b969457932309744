import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { Routing } from '../Routing.js';
import { squaredVariation } from './squaredVariation.js';

/**
 * Squared coefficient of variation of the experts' smooth load: of each expert, the sum over the tokens of the
 * probability to be among the token's topK if its noise were drawn anew (Shazeer et al., arXiv 1701.06538, appendix A,
 * equations 8-11). Zero-computation experts are left out. 0 where every expert is always chosen.
 *
 * @returns scalar
 * @throws ArgumentError where the routing was made without noise
 */
export function loadLoss({ logits, cleanLogits, noiseDeviation, experts, counts }: Routing): tf.Scalar {
  if (!cleanLogits || !noiseDeviation)
    throw new ArgumentError('loadLoss: expected a routing with noise (noisy: true, in training), got one without');
  return tf.tidy(() => {
    const [tokens, all] = logits.shape;
    const topK = experts.shape[1];
    if (tokens === 0 || topK === all) return tf.mul<tf.Scalar>(tf.add(tf.sum(cleanLogits), tf.sum(noiseDeviation)), 0);
    const { values } = tf.topk(logits, topK + 1);
    const last = tf.slice(values, [0, topK - 1], [-1, 1]); // (T, 1): what another expert has to reach
    const next = tf.slice(values, [0, topK], [-1, 1]); // what is left to reach for one of the topK
    const threshold = tf.where(tf.greater(logits, next), next, last); // (T, M)
    const probability = normalCdf(tf.div(tf.sub(cleanLogits, threshold), noiseDeviation));
    const load = tf.slice(tf.sum(probability, 0), 0, counts.shape[0]);
    return squaredVariation(load, 'population');
  });
}

function normalCdf(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
}
