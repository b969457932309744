import { type Route, type ScoreFunction } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

export interface Scored extends Pick<Route, 'scores' | 'counts'> {
  scoreFunction: ScoreFunction;
  mask?: tf.Tensor1D;
}

/**
 * (T, N): scores of the experts with a feed-forward network, which sum to 1 for each token: a softmax over all of them
 * as it is; sigmoid scores, or what zero-computation experts leave, divided by their sum (DeepSeek-V3, arXiv 2412.19437,
 * equation 19). 0 for a masked token.
 */
export function expertProbabilities({ scores, counts, scoreFunction, mask }: Scored): tf.Tensor2D {
  const [tokens, all] = scores.shape;
  const numExperts = counts.shape[0];
  if (scoreFunction === 'softmax' && numExperts === all) return scores;
  if (tokens === 0) return tf.slice(scores, [0, 0], [0, numExperts]);
  const own = tf.slice(scores, [0, 0], [-1, numExperts]);
  const sum = tf.add(tf.sum(own, 1, true), 1e-20); // all may have underflowed
  return tf.div(own, mask ? tf.where(tf.expandDims(mask, 1), sum, 1) : sum);
}
