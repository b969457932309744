import { ArgumentError } from '@scmoe/errors';
import { stopGradient } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { Routing } from '../Routing.js';
import { expertProbabilities } from './expertProbabilities.js';
import { atLeastOne, type SummedLoss } from './LossSums.js';

type OfSequences = Pick<Routing, 'scores' | 'counts' | 'scoreFunction' | 'experts' | 'mask'>;

/** The sums of the balance of sequences: of the loss of each one, and the sequences that have a token. */
export const sequenceBalance: SummedLoss<
  { routing: OfSequences; numSequences: number },
  { losses: tf.Tensor; sequences: tf.Tensor | number }
> = {
  sums: ({ routing, numSequences }) => {
    const [numTokens, topK] = routing.experts.shape;
    if (!Number.isInteger(numSequences) || numSequences < 1 || numTokens % numSequences !== 0)
      throw new ArgumentError(`numSequences: expected a divisor of the ${numTokens} tokens, got ${numSequences}`);
    const [, all] = routing.scores.shape;
    const numExperts = routing.counts.shape[0];
    const length = numTokens / numSequences;
    const probabilities = tf.reshape(expertProbabilities(routing), [numSequences, length, numExperts]);
    if (length === 0) return { losses: tf.sum(probabilities), sequences: numSequences };
    const choices: tf.Tensor2D = tf.reshape(stopGradient(routing.experts), [numSequences, length * topK]);
    const chosen = tf.cast(tf.oneHot(choices as tf.Tensor, Math.max(all, 2)), 'float32'); // oneHot wants a depth of 2
    const load = tf.slice(tf.sum(chosen, 1), [0, 0], [-1, numExperts]); // (B, N)
    const share = tf.div(load, tf.maximum(tf.sum(load, 1, true), 1));
    const { mask } = routing;
    const tokens = mask && tf.sum(tf.cast(tf.reshape(mask, [numSequences, length]), 'float32'), 1, true); // (B, 1)
    const meanScores = tf.div(tf.sum(probabilities, 1), tokens ? tf.maximum(tokens, 1) : length);
    return {
      losses: tf.mul(tf.sum(tf.mul(meanScores, share)), numExperts),
      // A sequence that is padding alone is none.
      sequences: tokens ? tf.sum(tf.minimum(tokens, 1)) : numSequences,
    };
  },
  ofSums: ({ losses, sequences }) => tf.div<tf.Scalar>(losses, atLeastOne(sequences)),
};

/**
 * The load-balance loss of each sequence by itself, over all its choices, and the mean of that over the sequences: 1
 * when balanced (DeepSeek-V2, arXiv 2405.04434, section 2.2.3; V3, arXiv 2412.19437, equations 17-20). Its gradient flows
 * through the scores alone. 0 without tokens.
 *
 * @param routing of tokens that were numbered sequence by sequence
 * @param numSequences of equal length, padding included
 * @returns scalar
 * @throws ArgumentError where the tokens are not that many sequences
 */
export function sequenceBalanceLoss(routing: OfSequences, { numSequences }: { numSequences: number }): tf.Scalar {
  return tf.tidy(() => sequenceBalance.ofSums(sequenceBalance.sums({ routing, numSequences })));
}
