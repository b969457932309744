import * as tf from '@tensorflow/tfjs';

import type { Batch, Trainable } from '../train/Trainable.js';

export const numExperts = 4;

const tokenOf = (n: number) => Math.sin(n + 1);

/**
 * Micro-batch n: its own token, and the sum of the tokens that reach this rank's experts. That is what an exchange within
 * the expert group brings there: rank r of a world has micro-batch r of each step, its group those of its neighbours.
 */
export function shardedBatch(n: number, groupSize: number): Batch {
  const first = n - (n % groupSize);
  const ofGroup = Array.from({ length: groupSize }, (_, i) => tokenOf(first + i));
  return { own: tf.scalar(tokenOf(n)), arrived: tf.scalar(ofGroup.reduce((sum, token) => sum + token, 0)) };
}

/**
 * The smallest model with a sharded parameter: a weight for each of the four experts, of which a rank of the expert group
 * holds its share, and a bias that every rank holds. No expert's gradient is another's, so that their average is wrong.
 */
export function shardedModel(experts: { rank: number; size: number }): Trainable {
  const ofEach = numExperts / experts.size;
  const ids = Array.from({ length: ofEach }, (_, i) => experts.rank * ofEach + i);
  const factors = tf.tensor1d(ids.map((id) => (id + 1) * (-1) ** id));
  const variables = { 'experts.weight': tf.variable(tf.ones([ofEach])), bias: tf.variable(tf.scalar(1)) };
  return {
    variables,
    loss: ({ own, arrived }) => {
      const ofExperts = tf.mul(tf.sum(tf.mul(variables['experts.weight'], factors)), arrived!);
      return { loss: tf.add(ofExperts, tf.mul(variables.bias, own!)).asScalar() };
    },
  };
}
