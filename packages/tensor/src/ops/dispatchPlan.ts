import { expectOneOf, expectPositiveInteger, expectThat, expectWholeNumber } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { withoutRecording } from '../autodiff/recording.js';
import { expectDtype, expectRank, expectShape } from './check.js';
import { rankable } from './rankable.js';
import { hasFused, runFused } from './runFused.js';

export const dispatchPlanKernel = 'ScmoeDispatchPlan';

/** Which choices an overfull expert drops: the last to come, or those with the smallest weight. */
export type DropPolicy = 'position' | 'probability';
/** Who comes first: all first choices before any second one (GShard), or token by token (Megatron). */
export type CapacityOrder = 'choice' | 'token';

/** Options of `dispatchPlan`. */
export interface DispatchPlanOptions {
  numExperts: number;
  /** Further ids, from numExperts on, whose choices take no slot: zero-computation experts. */
  numZeroExperts?: number;
  /** Slots of each expert; 0 keeps every choice and packs the experts' rows without gaps (dropless). */
  capacity?: number;
  /** int32, one number, with a capacity only: how many of an expert's slots may be filled; all by default. */
  limit?: tf.Tensor;
  dropPolicy?: DropPolicy;
  /**
   * The order of an expert's rows, with a capacity only: dropless rows are always in the order of the flat choices t *
   * k + j.
   */
  capacityOrder?: CapacityOrder;
}

/** Where each choice of each token goes. Integers only; nothing flows back through them. */
export interface DispatchPlan {
  /** (T, k) int32: row of the packed expert buffer, -1 for a dropped choice and for one of a zero-computation expert.
   * With a capacity C, expert e owns rows e * C ... e * C + C - 1; without, its rows follow those of expert e - 1. */
  slots: tf.Tensor2D;
  /** (N) int32: rows that each expert got. */
  counts: tf.Tensor1D;
  /** (N + Z) int32: choices of each expert before any was dropped, with the Z zero-computation experts. */
  load: tf.Tensor1D;
  /** (N + Z) int32: first choices of each expert. */
  firstLoad: tf.Tensor1D;
}

export type DispatchPlanAttributes = Required<Omit<DispatchPlanOptions, 'limit'>>;

/**
 * Assigns tokens to slots of experts (GShard, arXiv 2006.16668, algorithm 1). A pure function of its arguments: no
 * random tie-breaking, ties in the weights go to the earlier choice.
 *
 * @param experts (T, k) int32, best choice first; -1 is nobody, as for a masked token: no slot, and not counted
 * @param weights (T, k) float32: what `dropPolicy: 'probability'` compares
 * @throws ArgumentError naming the argument when shapes, dtypes or options do not fit
 */
export function dispatchPlan(
  experts: tf.Tensor,
  weights: tf.Tensor,
  {
    numExperts,
    numZeroExperts = 0,
    capacity = 0,
    limit,
    dropPolicy = 'position',
    capacityOrder = 'choice',
  }: DispatchPlanOptions,
): DispatchPlan {
  expectDtype('dispatchPlan', 'experts', experts, 'int32');
  expectRank('dispatchPlan', 'experts', experts, 2, '(tokens, topK)');
  expectDtype('dispatchPlan', 'weights', weights, 'float32');
  expectShape('dispatchPlan', 'weights', weights, experts.shape, 'like experts');
  expectPositiveInteger('dispatchPlan: numExperts', numExperts);
  expectWholeNumber('dispatchPlan: numZeroExperts', numZeroExperts);
  expectWholeNumber('dispatchPlan: capacity', capacity);
  if (limit) {
    expectDtype('dispatchPlan', 'limit', limit, 'int32');
    expectThat(limit.size === 1 && capacity > 0, 'dispatchPlan: limit', 'one number, with a capacity', limit.shape);
  }
  expectOneOf('dispatchPlan: dropPolicy', dropPolicy, ['position', 'probability']);
  expectOneOf('dispatchPlan: capacityOrder', capacityOrder, ['choice', 'token']);
  const attributes = { numExperts, numZeroExperts, capacity, dropPolicy, capacityOrder };
  // Recorded, these integers would lie on the path from the router to the loss, and tf.grads, unlike our own walker,
  // asks every operation that reads them for a gradient (docs/decisions.md#plans-off-the-tape).
  return withoutRecording(() => {
    if (!hasFused(dispatchPlanKernel)) return dispatchPlanComposed(experts, weights, attributes, limit);
    const inputs = { experts, weights, ...(limit && { limit }) };
    const [slots, counts, load, firstLoad] = runFused(dispatchPlanKernel, inputs, attributes);
    return { slots, counts, load, firstLoad } as unknown as DispatchPlan;
  });
}

/** The same from plain TF.js ops. Positions are running sums of one-hot rows, exact in float32 up to 2^24 choices. */
export function dispatchPlanComposed(
  experts: tf.Tensor,
  weights: tf.Tensor,
  { numExperts, numZeroExperts, capacity, dropPolicy, capacityOrder }: DispatchPlanAttributes,
  limit?: tf.Tensor,
): DispatchPlan {
  return tf.tidy(() => {
    const [tokens, topK] = experts.shape as [number, number];
    const all = numExperts + numZeroExperts;
    if (tokens === 0) {
      // Sums over no rows are whatever lay in memory on wasm.
      const zeros = (length: number) => tf.zeros<tf.Rank.R1>([length], 'int32');
      const slots = tf.zeros<tf.Rank.R2>([0, topK], 'int32');
      return { slots, counts: zeros(numExperts), load: zeros(all), firstLoad: zeros(all) };
    }
    const depth = Math.max(all, 2); // oneHot wants a depth of 2
    const chosen = tf.cast(tf.oneHot(tf.reshape<tf.Rank.R1>(experts, [-1]), depth), 'float32') as tf.Tensor2D;
    const withZero = tf.slice(chosen, [0, 0], [-1, all]); // (T * k, N + Z)
    const flat = tf.slice(chosen, [0, 0], [-1, numExperts]); // (T * k, N)
    const perToken = tf.reshape(withZero, [tokens, topK, all]);
    const most = limit ? tf.minimum(tf.reshape(limit, []), tf.scalar(capacity, 'int32')) : tf.scalar(capacity, 'int32');
    const kept = capacity > 0 && dropPolicy === 'probability' ? largest(flat, weights, capacity, most) : undefined;
    const counted = kept ? tf.mul(flat, kept) : flat;
    const position = positions(counted, tokens, topK, capacity > 0 && capacityOrder === 'choice');
    const fits = capacity > 0 ? tf.mul(counted, tf.cast(tf.less(position, most), 'float32')) : counted;
    const counts = tf.sum(fits, 0);
    const start = capacity > 0 ? tf.mul(tf.range(0, numExperts), capacity) : tf.cumsum(counts, 0, true);
    const slot = tf.sum(tf.mul(fits, tf.add(position, start)), -1);
    const isKept = tf.sum(fits, -1);
    const slots = tf.reshape(tf.sub(tf.add(slot, isKept), 1), [tokens, topK]); // -1 where dropped
    const firsts = tf.sum(tf.slice(perToken as tf.Tensor3D, [0, 0, 0], [-1, 1, -1]), [0, 1]);
    const integer = (x: tf.Tensor) => tf.cast(x, 'int32');
    return {
      slots: integer(slots) as tf.Tensor2D,
      counts: integer(counts) as tf.Tensor1D,
      load: integer(tf.sum(withZero, 0)) as tf.Tensor1D,
      firstLoad: integer(firsts) as tf.Tensor1D,
    };
  });
}

/** (T * k, N): how many earlier choices went to the same expert. */
function positions(flat: tf.Tensor, tokens: number, topK: number, choiceFirst: boolean): tf.Tensor {
  const numExperts = flat.shape[1]!;
  if (!choiceFirst || topK === 1) return tf.cumsum(flat, 0, true);
  const swap = (x: tf.Tensor, a: number, b: number) =>
    tf.reshape(tf.transpose(tf.reshape(x, [a, b, numExperts]), [1, 0, 2]), [-1, numExperts]);
  return swap(tf.cumsum(swap(flat, tokens, topK), 0, true), topK, tokens);
}

/** (T * k, N): 1 for the `most` largest weights of each expert, at most `capacity`, NaN first, of equal ones the earlier. */
function largest(flat: tf.Tensor, weights: tf.Tensor, capacity: number, most: tf.Tensor): tf.Tensor {
  const choices = flat.shape[0];
  const own = tf.where(tf.greater(flat, 0), tf.reshape(rankable(weights), [-1, 1]), -1); // weights are never negative
  const { values } = tf.topk(tf.transpose(own), Math.min(capacity, choices)); // (N, C)
  const last = tf.sub(tf.minimum(most, tf.scalar(values.shape[1]!, 'int32')), tf.scalar(1, 'int32'));
  // No slot at all: nothing is above the first one, and there is no room for what equals it.
  const threshold = tf.reshape(tf.gather(values, tf.maximum(last, tf.scalar(0, 'int32')), 1), [1, -1]);
  const above = tf.cast(tf.greater(own, threshold), 'float32');
  const equal = tf.cast(tf.equal(own, threshold), 'float32');
  const room = tf.sub(tf.cast(most, 'float32'), tf.sum(above, 0, true));
  return tf.add(above, tf.mul(equal, tf.cast(tf.less(tf.cumsum(equal, 0, true), room), 'float32')));
}
