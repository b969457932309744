import { ArgumentError } from '@scmoe/errors';
import { stopGradient } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { Routing } from '../Routing.js';
import { expertProbabilities } from './expertProbabilities.js';

/**
 * The load-balance loss of each sequence by itself, over all its choices, and the mean of that over the sequences: 1
 * when balanced (DeepSeek-V2, arXiv 2405.04434, section 2.2.3; V3, arXiv 2412.19437, equations 17-20). Its gradient flows
 * through the scores alone. 0 without tokens.
 *
 * @param routing of tokens that were numbered sequence by sequence
 * @param numSequences of equal length
 * @returns scalar
 * @throws ArgumentError where the tokens are not that many sequences
 */
export function sequenceBalanceLoss(
  routing: Pick<Routing, 'scores' | 'counts' | 'scoreFunction' | 'experts'>,
  { numSequences }: { numSequences: number },
): tf.Scalar {
  const [numTokens, topK] = routing.experts.shape;
  if (!Number.isInteger(numSequences) || numSequences < 1 || numTokens % numSequences !== 0)
    throw new ArgumentError(`numSequences: expected a divisor of the ${numTokens} tokens, got ${numSequences}`);
  return tf.tidy(() => {
    const [, all] = routing.scores.shape;
    const numExperts = routing.counts.shape[0];
    const length = numTokens / numSequences;
    const probabilities = tf.reshape(expertProbabilities(routing), [numSequences, length, numExperts]);
    if (length === 0) return tf.sum(probabilities);
    const choices: tf.Tensor2D = tf.reshape(stopGradient(routing.experts), [numSequences, length * topK]);
    const chosen = tf.cast(tf.oneHot(choices as tf.Tensor, Math.max(all, 2)), 'float32'); // oneHot wants a depth of 2
    const load = tf.slice(tf.sum(chosen, 1), [0, 0], [-1, numExperts]); // (B, N)
    const share = tf.div(load, tf.maximum(tf.sum(load, 1, true), 1));
    const perSequence = tf.sum(tf.mul(tf.mean(probabilities, 1), share), 1); // (B)
    return tf.mul<tf.Scalar>(tf.mean(perSequence), numExperts);
  });
}
