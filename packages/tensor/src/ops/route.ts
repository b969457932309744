import { expectInteger, expectOneOf, expectPositive, expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { stopGradient } from '../autodiff/stopGradient.js';
import { expectDtype, expectRank, expectShape } from './check.js';
import { dispatchPlan, type CapacityOrder, type DispatchPlan, type DropPolicy } from './dispatchPlan.js';
import { rankable } from './rankable.js';
import { fusedGradients, hasFused, runFused } from './runFused.js';

export const routeKernel = 'ScmoeRoute';
export const routeBackwardKernel = 'ScmoeRouteBackward';

/** `softmax` over all experts, or `sigmoid` of each one's own logit (DeepSeek-V3). */
export type ScoreFunction = 'softmax' | 'sigmoid';

/** Options of `route`. */
export interface RouteOptions {
  /** Experts for each token. */
  topK: number;
  scoreFunction?: ScoreFunction;
  /** Divide the chosen weights by their sum; by default for topK > 1, so that the raw probability of topK = 1 still
   * teaches the router. */
  normalizeWeights?: boolean;
  /** What all weights are multiplied with, after they were normalised. */
  routedScalingFactor?: number;
  /** (M) float32, added to the scores for the choice alone (arXiv 2408.15664). Never gets a gradient. */
  correctionBias?: tf.Tensor;
  /**
   * (T, k) int32: a choice made elsewhere. Distinct for each token, -1 where there is none; with it there is no bias and
   * nothing is chosen.
   */
  experts?: tf.Tensor;
  /** (T) bool: a token where it is false is padding. It has no expert, and no gradient. */
  mask?: tf.Tensor;
  /** How many of the M experts, the last ones, compute nothing and take no slot (arXiv 2410.07348). */
  numZeroExperts?: number;
  /** Slots of each expert, 0 = dropless; with `dropPolicy` and `capacityOrder` as in `dispatchPlan`. */
  capacity?: number;
  /** int32, one number: the limit of `dispatchPlan`. */
  limit?: tf.Tensor;
  dropPolicy?: DropPolicy;
  capacityOrder?: CapacityOrder;
}

export interface Route extends DispatchPlan {
  /** (T, M) of all experts; 0 for a masked token. */
  scores: tf.Tensor2D;
  /** (T, k) weights of the chosen experts; those of dropped choices are left as they are, those of masked tokens are 0. */
  weights: tf.Tensor2D;
  /** (T, k) int32, in descending order of what was compared, NaN first, the lower id among equals; or those given. -1 for
   * a masked token. */
  experts: tf.Tensor2D;
}

export interface RouteAttributes {
  topK: number;
  scoreFunction: ScoreFunction;
  normalizeWeights: boolean;
  routedScalingFactor: number;
}

/** What is added to the sum of sigmoid scores before dividing by it, as in DeepSeek-V3: all of them may underflow. */
const smallest = 1e-20;

/**
 * Router: scores of all experts, the k largest of them, their weights and their slots (Shazeer et al., arXiv
 * 1701.06538; k = 1 as in Switch, arXiv 2101.03961). Always float32. Gradients flow through `scores` and `weights`.
 *
 * @param logits (T, M) float32
 * @throws ArgumentError naming the argument when shapes, dtypes or options do not fit
 */
export function route(
  logits: tf.Tensor,
  {
    topK,
    scoreFunction = 'softmax',
    normalizeWeights = topK > 1,
    routedScalingFactor = 1,
    correctionBias,
    experts: given,
    mask,
    numZeroExperts = 0,
    capacity = 0,
    limit,
    dropPolicy = 'position',
    capacityOrder = 'choice',
  }: RouteOptions,
): Route {
  expectDtype('route', 'logits', logits, 'float32');
  expectRank('route', 'logits', logits, 2, '(tokens, numExperts)');
  const [tokens, all] = logits.shape as [number, number];
  expectInteger('route: topK', topK, { minimum: 1, maximum: all });
  expectOneOf('route: scoreFunction', scoreFunction, ['softmax', 'sigmoid']);
  expectPositive('route: routedScalingFactor', routedScalingFactor);
  expectInteger('route: numZeroExperts', numZeroExperts, { minimum: 0, maximum: all - 1 });
  if (correctionBias) {
    expectDtype('route', 'correctionBias', correctionBias, 'float32');
    expectShape('route', 'correctionBias', correctionBias, [all], 'for the experts');
  }
  if (given) {
    expectThat(!correctionBias, 'route: correctionBias', 'none where experts are given', correctionBias?.shape);
    expectDtype('route', 'experts', given, 'int32');
    expectShape('route', 'experts', given, [tokens, topK], 'for tokens and topK');
  }
  if (mask) {
    expectDtype('route', 'mask', mask, 'bool');
    expectShape('route', 'mask', mask, [tokens], 'for the tokens');
  }
  const attributes: RouteAttributes = { topK, scoreFunction, normalizeWeights, routedScalingFactor };
  const bias = correctionBias && stopGradient(correctionBias);
  const [scores, weights, experts] = hasFused(routeKernel)
    ? runFused(
        routeKernel,
        { logits, ...(bias && { bias }), ...(given && { given }), ...(mask && { mask }) },
        attributes,
      )
    : chooseComposed(logits, attributes, { bias, given, mask });
  bias?.dispose();
  const plan = dispatchPlan(experts!, weights!, {
    numExperts: all - numZeroExperts,
    numZeroExperts,
    capacity,
    limit,
    dropPolicy,
    capacityOrder,
  });
  return { scores, weights, experts, ...plan } as Route;
}

/** Scores, weights and experts from plain TF.js ops, with their gradients. */
export function chooseComposed(
  logits: tf.Tensor,
  { topK, scoreFunction, normalizeWeights, routedScalingFactor }: RouteAttributes,
  { bias, given, mask }: { bias?: tf.Tensor; given?: tf.Tensor; mask?: tf.Tensor } = {},
): [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D] {
  return tf.tidy(() => {
    const [tokens, numExperts] = logits.shape as [number, number];
    const ofAll = scoreFunction === 'softmax' ? tf.softmax(logits as tf.Tensor2D) : tf.sigmoid(logits as tf.Tensor2D);
    const isToken = mask && tf.expandDims(tf.cast(mask, 'bool'), 1); // (T, 1)
    const scores: tf.Tensor2D = isToken ? tf.where(isToken, ofAll, 0) : ofAll;
    if (tokens === 0) return [scores, tf.slice(scores, [0, 0], [0, topK]), tf.zeros([0, topK], 'int32')];
    // Compared as constants: the choice has no gradient, and tf.grads would want one for the operations on the way.
    const compared = stopGradient(scores);
    const ranked = (x: tf.Tensor) => tf.topk(rankable(x), topK).indices;
    const chosenByAll = given ? tf.clone(given) : ranked(bias ? tf.add(compared, bias) : compared);
    const experts = isToken ? tf.where(isToken, chosenByAll, tf.scalar(-1, 'int32')) : chosenByAll;
    const depth = Math.max(numExperts, 2); // oneHot wants a depth of 2
    const chosen = tf.cast(tf.oneHot(experts, depth), 'bool');
    const own = tf.slice(chosen, [0, 0, 0], [-1, -1, numExperts]);
    // Selected and not multiplied: a NaN times 0 would be one in the weights of the other experts.
    const raw = tf.sum<tf.Tensor2D>(tf.where(own, tf.expandDims(scores, 1), 0), -1); // (T, k)
    const total = tf.sum(raw, -1, true);
    const divisor = scoreFunction === 'sigmoid' ? tf.add(total, smallest) : total;
    // Where nobody is chosen all weights are 0, and so is what they would be divided by.
    const isSomebody = (given || mask) && tf.greaterEqual(tf.max(experts, 1, true), tf.scalar(0, 'int32')); // (T, 1)
    const normal = !normalizeWeights ? raw : tf.div(raw, isSomebody ? tf.where(isSomebody, divisor, 1) : divisor);
    const weights = routedScalingFactor === 1 ? normal : tf.mul(normal, routedScalingFactor);
    return [scores, weights as tf.Tensor2D, experts as tf.Tensor2D];
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
    return fusedGradients(routeBackwardKernel, ['logits'], inputs, attributes);
  },
});
