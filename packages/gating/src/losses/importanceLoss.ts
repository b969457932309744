import { ArgumentError } from '@scmoe/errors';
import { stopGradient } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { Routing } from '../Routing.js';
import { expertProbabilities } from './expertProbabilities.js';
import type { SummedLoss } from './LossSums.js';
import { squaredVariation } from './squaredVariation.js';

/** The numbers that the importance of an expert is the sum of. */
export interface ImportanceOptions {
  /**
   * What an expert's importance sums: its `gates`, the weights with which it was chosen, with the population's variance
   * (Shazeer et al., arXiv 1701.06538, equation 7), or its `scores` for all tokens, with the sample's variance (V-MoE,
   * arXiv 2106.05974, appendix A).
   */
  of?: 'gates' | 'scores';
}

/** The sums of the importance loss of gates: the importance of each expert, (N). */
export const importance: SummedLoss<Routing, { importance: tf.Tensor }> = {
  sums: (routing) => ({ importance: gatesOfExperts(routing) }),
  ofSums: (sums) => squaredVariation(sums.importance, 'population'),
};

/**
 * Squared coefficient of variation of the experts' importance: 0 when even. Zero-computation experts are left out.
 *
 * @returns scalar
 */
export function importanceLoss(routing: Routing, { of = 'gates' }: ImportanceOptions = {}): tf.Scalar {
  if (of !== 'gates' && of !== 'scores')
    throw new ArgumentError(`importanceLoss: of must be 'gates' or 'scores', got '${String(of)}'`);
  return tf.tidy(() => {
    if (of === 'scores') return squaredVariation(tf.sum(expertProbabilities(routing), 0), 'sample');
    return importance.ofSums(importance.sums(routing));
  });
}

/** (N): sums of the weights with which each expert was chosen. */
function gatesOfExperts({ weights, experts, counts, scores }: Routing): tf.Tensor {
  const numExperts = counts.shape[0];
  if (weights.size === 0) return tf.add(tf.zeros([numExperts]), tf.sum(weights));
  const depth = Math.max(scores.shape[1], 2); // oneHot wants a depth of 2
  const chosen = tf.cast(tf.oneHot(tf.reshape<tf.Rank.R1>(stopGradient(experts), [-1]), depth), 'float32');
  const own = tf.slice(chosen as tf.Tensor2D, [0, 0], [-1, numExperts]); // (T * k, N)
  return tf.sum(tf.mul(own, tf.reshape(weights, [-1, 1])), 0);
}
