import * as tf from '@tensorflow/tfjs';

import { expectDtype, expectRank } from './check.js';
import { dispatchPlan, type CapacityOrder, type DispatchPlan, type DropPolicy } from './dispatchPlan.js';
import { fusedGradients, hasFused, runFused } from './runFused.js';

export const routeKernel = 'ScmoeRoute';
export const routeGradKernel = 'ScmoeRouteGrad';

/** Options of `route`. */
export interface RouteOptions {
  /** Experts for each token. */
  topK: number;
  /** Divide the chosen weights by their sum; by default for topK > 1, so that the raw probability of topK = 1 still
   * teaches the router. */
  normalizeWeights?: boolean;
  /** Slots of each expert, 0 = dropless; with `dropPolicy` and `capacityOrder` as in `dispatchPlan`. */
  capacity?: number;
  dropPolicy?: DropPolicy;
  capacityOrder?: CapacityOrder;
}

export interface Route extends DispatchPlan {
  /** (T, N) softmax over all experts. */
  scores: tf.Tensor2D;
  /** (T, k) weights of the chosen experts; those of dropped choices are left as they are. */
  weights: tf.Tensor2D;
  /** (T, k) int32, in descending order of score, the lower id first among equals. */
  experts: tf.Tensor2D;
}

export interface RouteAttributes {
  topK: number;
  normalizeWeights: boolean;
}

/**
 * Softmax router: scores over all experts, the k largest of them, and their slots (Shazeer et al., arXiv 1701.06538;
 * k = 1 as in Switch, arXiv 2101.03961). Always float32. Gradients flow through `scores` and `weights`.
 *
 * @param logits (T, N) float32
 * @throws Error naming the argument when shapes, dtypes or options do not fit
 */
export function route(
  logits: tf.Tensor,
  { topK, normalizeWeights = topK > 1, capacity = 0, dropPolicy = 'position', capacityOrder = 'choice' }: RouteOptions,
): Route {
  expectDtype('route', 'logits', logits, 'float32');
  expectRank('route', 'logits', logits, 2, '(tokens, numExperts)');
  const numExperts = logits.shape[1]!;
  if (!Number.isInteger(topK) || topK < 1 || topK > numExperts)
    throw new Error(`route: topK must be an integer from 1 to numExperts ${numExperts}, got ${topK}`);
  const attributes: RouteAttributes = { topK, normalizeWeights };
  const [scores, weights, experts] = hasFused(routeKernel)
    ? (runFused(routeKernel, { logits }, attributes) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D])
    : chooseComposed(logits, attributes);
  const plan = dispatchPlan(experts, weights, { numExperts, capacity, dropPolicy, capacityOrder });
  return { scores, weights, experts, ...plan };
}

/** Scores, weights and experts from plain TF.js ops, with their gradients. */
export function chooseComposed(
  logits: tf.Tensor,
  { topK, normalizeWeights }: RouteAttributes,
): [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D] {
  return tf.tidy(() => {
    const [tokens, numExperts] = logits.shape as [number, number];
    const scores = tf.softmax(logits as tf.Tensor2D);
    if (tokens === 0) return [scores, tf.slice(scores, [0, 0], [0, topK]), tf.zeros([0, topK], 'int32')];
    const experts = tf.topk(scores, topK).indices;
    const depth = Math.max(numExperts, 2); // oneHot wants a depth of 2
    const chosen = tf.cast(tf.oneHot(experts as tf.Tensor, depth), 'float32');
    const own = tf.slice(chosen, [0, 0, 0], [-1, -1, numExperts]);
    const raw = tf.sum<tf.Tensor2D>(tf.mul(own, tf.expandDims(scores, 1)), -1); // (T, k)
    const weights = normalizeWeights ? tf.div<tf.Tensor2D>(raw, tf.sum(raw, -1, true)) : raw;
    return [scores, weights, experts];
  });
}

tf.registerGradient({
  kernelName: routeKernel,
  outputsToSave: [true, true, true],
  gradFunc: (dy, saved, attributes) => {
    const [scores, weights, experts] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
    const [dScores, dWeights] = dy as unknown as tf.Tensor[];
    // An output that nothing depends on has an empty gradient (our tape walker) or zeros (TF.js).
    const inputs = {
      scores,
      weights,
      experts,
      ...(dScores!.size === scores.size && { dScores: dScores! }),
      ...(dWeights!.size === weights.size && { dWeights: dWeights! }),
    };
    return fusedGradients(routeGradKernel, ['logits'], inputs, attributes);
  },
});
