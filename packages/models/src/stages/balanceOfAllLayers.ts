import type { Routing } from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

/**
 * The load-balance loss as Mixtral and Qwen2-MoE have it in transformers (`load_balancing_loss_func`): numExperts * sum over
 * experts of (mean score) * (choices per token), means over the tokens of all layers together. topK when balanced.
 *
 * @returns scalar
 */
export function balanceOfAllLayers(routings: readonly Pick<Routing, 'scores' | 'load'>[]): tf.Scalar {
  return tf.tidy(() => {
    const numTokens = Math.max(
      1,
      routings.reduce((sum, { scores }) => sum + scores.shape[0], 0),
    );
    const numExperts = routings[0]!.scores.shape[1];
    const scores = tf.addN(routings.map((routing) => tf.sum(routing.scores, 0)));
    const choices = tf.addN(routings.map(({ load }) => tf.cast(load, 'float32')));
    return tf.mul<tf.Scalar>(tf.sum(tf.mul(scores, choices)), numExperts / (numTokens * numTokens));
  });
}
