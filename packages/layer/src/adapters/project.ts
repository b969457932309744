import { dropout, linear, mergedLinear, type Seed } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { TensorShard } from '../tensorParallel/TensorGroup.js';

/** The two matrices of a low-rank adapter (LoRA, arXiv 2106.09685): beside x W there is x A B. */
export interface LowRank {
  /** (dIn, rank) */
  readonly a: tf.Tensor2D;
  /** (rank, dOut), with the factor alpha / rank in it. */
  readonly b: tf.Tensor2D;
  /** Share of what A reads that is set to zero, in training. */
  readonly dropout?: LowRankDropout;
  /** A function that is called whenever the adapter has been applied. */
  readonly onUse?: () => void;
}

/** Dropout of what A reads. */
export interface LowRankDropout {
  readonly rate: number;
  readonly seed: Seed;
  readonly stream: number;
  /** Which of as many equal runs of columns is here, of what A reads on all ranks together. Default: all of it. */
  readonly columns?: TensorShard;
}

/** A weight that no gradient is taken of, perhaps with an adapter beside it. */
export type FrozenWeight = tf.Tensor2D & { frozen?: { readonly lowRank?: LowRank } };

/** A handle of a weight that `project` takes for frozen; the caller disposes it, or a tidy. */
export function freezeWeight(weight: tf.Tensor, lowRank?: LowRank): FrozenWeight {
  return Object.assign(tf.clone(weight) as FrozenWeight, { frozen: { ...(lowRank && { lowRank }) } });
}

/** Whether one of these weights is frozen: then nothing may take its gradient, or leave its adapter out. */
export function isFrozen(...weights: readonly tf.Tensor[]): boolean {
  return weights.some((weight) => (weight as FrozenWeight).frozen !== undefined);
}

/**
 * x W + bias, and x A B where the weight has an adapter. Of a frozen weight no gradient is computed, which saves a third of
 * the work of a training step: the fused product would compute it whether somebody wants it or not.
 *
 * @param x (..., dIn) float32
 * @param weight (dIn, dOut)
 * @returns (..., dOut)
 */
export function project(x: tf.Tensor, weight: tf.Tensor2D, bias?: tf.Tensor): tf.Tensor {
  const { frozen } = weight as FrozenWeight;
  if (!frozen) return linear(x, weight, bias);
  const { lowRank } = frozen;
  const [dIn, dOut] = weight.shape;
  const rows: tf.Tensor2D = tf.reshape(x, [-1, dIn]);
  const product = tf.matMul(rows, weight);
  const base = bias ? tf.add<tf.Tensor>(product, bias) : product;
  const sum = lowRank ? tf.add<tf.Tensor>(base, ofAdapter(rows, lowRank)) : base;
  return tf.reshape(sum, [...x.shape.slice(0, -1), dOut]);
}

/** A weight and its bias, for `projectAll`. */
export interface Projection {
  readonly weight: tf.Tensor2D;
  readonly bias?: tf.Tensor;
}

/**
 * `project` of one x by several weights: one kernel each way where none of them is frozen.
 *
 * @returns (..., dOut) of each, by its name
 */
export function projectAll<T extends tf.Tensor, Name extends string>(
  x: T,
  layers: Readonly<Record<Name, Projection>>,
): Record<Name, T> {
  const all = Object.values<Projection>(layers);
  const results = isFrozen(...all.map(({ weight }) => weight))
    ? all.map(({ weight, bias }) => project(x, weight, bias))
    : mergedLinear(x, all);
  return Object.fromEntries(Object.keys(layers).map((name, i) => [name, results[i]!])) as Record<Name, T>;
}

function ofAdapter(rows: tf.Tensor2D, { a, b, dropout: drop, onUse }: LowRank): tf.Tensor {
  onUse?.();
  return linear(linear(drop ? dropped(rows, drop) : rows, a), b);
}

/** Elements are dropped by their numbers in the whole, so that ranks with other columns agree with one that has all. */
function dropped(rows: tf.Tensor2D, { columns, ...drop }: LowRankDropout): tf.Tensor2D {
  if (!columns || columns.size === 1) return dropout(rows, drop) as tf.Tensor2D;
  const [count, width] = rows.shape;
  const all: tf.Tensor2D = dropout(tf.ones([count, width * columns.size]), drop) as tf.Tensor2D;
  return tf.mul(rows, tf.slice(all, [0, columns.rank * width], [count, width]));
}

/** Weights by which `project` multiplies, by the ends of their names: those of attentions, MLPs and shared experts. */
const projected =
  /(^|\.)(attn\d?\.w(q|k|v|g|o|Beta|Decay|qDown|qUp|kvDown)|(mlp\d?|shared)\.(gate|up|down|w1|w2)|head\.weight)$/;

/** Whether a parameter, by its name in a block or a model, is a matrix that is always used through `project`. */
export function isProjected(name: string): boolean {
  return projected.test(name);
}
