import * as tf from '@tensorflow/tfjs';

import type { Routing } from '../Routing.js';
import { atLeastOne, type SummedLoss } from './LossSums.js';
import { numTokensOf } from './numTokensOf.js';

type Source = Pick<Routing, 'scores' | 'load' | 'mask'>;

/**
 * The load-balance loss as Mixtral and Qwen2-MoE have it in transformers (`load_balancing_loss_func`): numExperts * sum over
 * experts of (mean score) * (choices per token), means over the tokens of all layers together. topK when balanced. Its sums
 * are of scores and of choices, (M) each, and the tokens.
 */
export const balanceOfAllLayers: SummedLoss<
  readonly Source[],
  { scores: tf.Tensor; choices: tf.Tensor; tokens: tf.Tensor | number }
> = {
  sums: (routings) => {
    const tokens = routings.map(numTokensOf);
    return {
      scores: tf.addN(routings.map((routing) => tf.sum(routing.scores, 0))),
      choices: tf.addN(routings.map(({ load }) => tf.cast(load, 'float32'))),
      tokens: tokens.every((count) => typeof count === 'number')
        ? tokens.reduce((sum, count) => sum + count, 0)
        : tf.addN(tokens.map((count) => (typeof count === 'number' ? tf.scalar(count) : count))),
    };
  },
  ofSums: ({ scores, choices, tokens }) => {
    const count = atLeastOne(tokens);
    // Divided twice: the square of a count that is a tensor may lie beyond what float32 holds exactly.
    const means = tf.div(tf.div(tf.sum(tf.mul(scores, choices)), count), count);
    return tf.mul<tf.Scalar>(means, scores.size);
  },
};
