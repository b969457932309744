import { stopGradient } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { ResolvedRouter } from '../config/routerOptions.js';

export interface Restrictions {
  /** (M), added to the scores. */
  bias?: tf.Tensor;
  /** (T, 1) int32: an expert that a token may not have. */
  excluded?: tf.Tensor;
}

/**
 * The choice where it is more than the k largest of score + bias: experts of the best groups only (DeepSeek-V2, arXiv
 * 2405.04434, section 2.2.2; V3, arXiv 2412.19437, section 2.1.2), or without one that is excluded.
 *
 * @param logits (T, M)
 * @returns (T, k) int32, best first; no gradient flows through it
 */
export function chooseExperts(logits: tf.Tensor2D, router: ResolvedRouter, restrictions: Restrictions): tf.Tensor2D {
  return tf.tidy(() => {
    const { topK, scoreFunction, numGroups } = router;
    if (logits.shape[0] === 0) return tf.zeros([0, topK], 'int32');
    const constant = stopGradient(logits);
    let compared: tf.Tensor2D = scoreFunction === 'softmax' ? tf.softmax(constant) : tf.sigmoid(constant);
    const { bias, excluded } = restrictions;
    if (bias) compared = tf.add(compared, stopGradient(bias));
    if (excluded) compared = withoutExcluded(compared, excluded);
    if (numGroups > 1) compared = bestGroupsOnly(compared, router);
    return tf.topk(compared, topK).indices;
  });
}

function withoutExcluded(compared: tf.Tensor2D, excluded: tf.Tensor): tf.Tensor2D {
  const ids = tf.range(0, compared.shape[1], 1, 'int32'); // (M)
  return tf.where(tf.equal(excluded, ids), -Infinity, compared); // (T, 1) against (M)
}

function bestGroupsOnly(
  compared: tf.Tensor2D,
  { numExperts, numGroups, topKGroups, groupScore }: ResolvedRouter,
): tf.Tensor2D {
  const tokens = compared.shape[0];
  const grouped: tf.Tensor3D = tf.reshape(compared, [tokens, numGroups, numExperts / numGroups]);
  const ofGroup = groupScore === 'max' ? tf.max(grouped, 2) : tf.sum(tf.topk(grouped, 2).values, 2); // (T, G)
  const best = tf.topk(ofGroup, topKGroups).indices; // (T, topKGroups)
  const isBest = tf.max(tf.cast(tf.oneHot(best, numGroups), 'int32'), 1); // (T, G)
  const mask = tf.cast(tf.expandDims(isBest, 2), 'bool');
  return tf.reshape(tf.where(mask, grouped, -Infinity), compared.shape);
}

/** (T, k) int32, expert (t k + j) mod N of token t, masked ones not counted: an even load, whatever the scores. */
export function balancedChoice(tokens: number, { topK, numExperts }: ResolvedRouter, mask?: tf.Tensor): tf.Tensor2D {
  const even = tf.tensor2d(
    Int32Array.from({ length: tokens * topK }, (_, choice) => choice % numExperts),
    [tokens, topK],
    'int32',
  );
  if (!mask) return even;
  const place = tf.cumsum(tf.cast(mask, 'int32'), 0, true); // of each token among those that are there
  return tf.gather(even, place);
}

/** (T, N) int32, every expert: what experts choose from. */
export function everyExpert(tokens: number, { numExperts }: ResolvedRouter): tf.Tensor2D {
  return tf.tile(tf.range(0, numExperts, 1, 'int32').reshape([1, numExperts]), [tokens, 1]);
}
