import { stopGradient } from '@scmoe/tensor';
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

/**
 * A routing as transformers sees it for this loss whatever the router does (ERNIE 4.5, MiniMax-M2): scores are the softmax of
 * the logits, and the choices the largest of them, without correction bias or sigmoid.
 */
export function byLogits({ logits, experts, mask }: Pick<Routing, 'logits' | 'experts' | 'mask'>): Source {
  const [tokens, numExperts] = logits.shape;
  const ofTokens = (x: tf.Tensor): tf.Tensor2D =>
    (mask ? tf.mul(x, tf.reshape(tf.cast(mask, 'float32'), [-1, 1])) : x) as tf.Tensor2D;
  const topK = experts.shape[1];
  const chosen =
    tokens === 0
      ? tf.zeros([0, numExperts])
      : tf.sum(tf.oneHot(tf.topk(stopGradient(logits), topK).indices, numExperts), 1);
  const load: tf.Tensor1D = tf.sum(ofTokens(tf.cast(chosen, 'float32')), 0);
  return { scores: ofTokens(tf.softmax(logits)), load, ...(mask && { mask }) };
}
