import { randomUniform, stopGradient } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { ResolvedRouter } from '../config/routerOptions.js';
import { expectSeed, type Randomness } from './Randomness.js';

/** What SparseMixer chose, with the weights whose gradients it estimates. */
export interface SparseMix {
  experts: tf.Tensor2D; // (T, k) int32
  weights: tf.Tensor2D; // (T, k)
}

/** Least weight of an expert that was drawn and is not the best, as a share of its probability (Heun's third-order method). */
const heunWeight = 1 / 3;

/**
 * SparseMixer (Liu et al., GRIN, arXiv 2409.12136, section 2; Phi-3.5-MoE): experts are picked one after the other, each among
 * those left whose logit z is close to the largest m of them, (m - z) / max(|z|, m) <= 2 width, with its share of a softmax over
 * these as the weight. Weights do not sum to 1: without a rival all are 1.
 *
 * In use the best is picked. In training the pick is drawn with those shares, and one that is not the best has a third of its
 * weight three times of four, which makes the gradient of the share the estimate of that of the choice.
 *
 * @param logits (T, M)
 * @param given (T, k) int32: a choice made elsewhere
 */
export function sparseMix(
  logits: tf.Tensor2D,
  { topK, sparseMixer }: Pick<ResolvedRouter, 'topK' | 'sparseMixer'>,
  { training, seed, stream = 0 }: Pick<Randomness, 'training' | 'seed' | 'stream'>,
  given?: tf.Tensor2D,
): SparseMix {
  const [tokens, all] = logits.shape;
  if (tokens === 0) return { experts: tf.zeros([0, topK], 'int32'), weights: tf.slice(logits, [0, 0], [0, topK]) };
  const constant = stopGradient(logits);
  // Of each pick: M numbers that draw it, and one behind them for its weight.
  const numbers = training && randomUniform([topK, tokens, all + 1], { seed: expectSeed(seed, 'choices'), stream });
  const noise = numbers ? tf.unstack(numbers) : [];
  let left: tf.Tensor = tf.onesLike(tf.cast(constant, 'bool'));
  const experts: tf.Tensor1D[] = [];
  const weights: tf.Tensor[] = [];
  for (let pick = 0; pick < topK; pick++) {
    const compared: tf.Tensor2D = tf.where(left, constant, -Infinity);
    const best = tf.max(compared, 1, true);
    const distance = tf.div(tf.sub(best, constant), tf.maximum(tf.abs(constant), best));
    // Not <=: of logits that are all 0 the distance is NaN, and they are close.
    const isClose = tf.logicalAnd(left, tf.logicalNot(tf.greater(distance, 2 * sparseMixer!)));
    const own = noise[pick];
    const [draws, coin] = own ? tf.split(own, [all, 1], 1) : [];
    const keys = draws ? tf.where(isClose, tf.sub(constant, tf.log(tf.neg(tf.log(draws)))), -Infinity) : compared;
    const chosen: tf.Tensor1D = given ? tf.slice(given, [0, pick], [-1, 1]).reshape([-1]) : tf.argMax(keys, 1);
    const isPicked = isChosen(chosen, all);
    const share = tf.softmax(tf.where<tf.Tensor2D>(isClose, logits, -Infinity));
    const weight = tf.sum(tf.where(isPicked, share, 0), 1, true);
    experts.push(chosen);
    const isBest = tf.equal(tf.max(tf.where(isPicked, compared, -Infinity), 1, true), best);
    weights.push(coin ? lessened(weight, isBest, coin) : weight);
    left = tf.logicalAnd(left, tf.logicalNot(isPicked));
  }
  return { experts: tf.stack(experts, 1) as tf.Tensor2D, weights: tf.concat(weights, 1) as tf.Tensor2D };
}

/** (T, M) bool: the chosen expert of each token. */
function isChosen(chosen: tf.Tensor1D, all: number): tf.Tensor2D {
  return tf.equal(tf.expandDims(chosen, 1), tf.range(0, all, 1, 'int32'));
}

/** The weight (T, 1) or a third of it; its gradient is that of the whole. */
function lessened(weight: tf.Tensor, isBest: tf.Tensor, coin: tf.Tensor): tf.Tensor {
  const isWhole = tf.logicalOr(isBest, tf.greater(coin, 0.75));
  return tf.add(weight, tf.where(isWhole, 0, tf.mul(stopGradient(weight), heunWeight - 1)));
}
