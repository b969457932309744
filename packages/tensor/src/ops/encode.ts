import { expectWholeNumber } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { expectDtype, expectRank, expectShape } from './check.js';
import { firstGradient, fusedGradients, hasFused, runFusedOne } from './runFused.js';

export const encodeKernel = 'ScmoeEncode';
export const encodeBackwardKernel = 'ScmoeEncodeBackward';

/** Options of `encode`. */
export interface EncodeOptions {
  /** Rows of the packed buffer: numExperts * capacity, or T * k where nothing is dropped. */
  numRows: number;
}

/**
 * Packs tokens into expert order: row `slots[t, j]` is token t. Unfilled rows are zero. One kernel each way.
 *
 * @param x (T, d) float32
 * @param slots (T, k) int32 from `dispatchPlan`: each row at most once, -1 for a dropped choice
 * @returns (numRows, d)
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit; the native kernel also when a slot is outside
 */
export function encode(x: tf.Tensor, slots: tf.Tensor, { numRows }: EncodeOptions): tf.Tensor2D {
  expectDtype('encode', 'x', x, 'float32');
  expectRank('encode', 'x', x, 2, '(tokens, d)');
  expectDtype('encode', 'slots', slots, 'int32');
  expectShape('encode', 'slots', slots, [x.shape[0], slots.shape[1] ?? 1], 'for the tokens of x');
  expectWholeNumber('encode: numRows', numRows);
  if (!hasFused(encodeKernel)) return encodeComposed(x, slots, { numRows });
  return runFusedOne(encodeKernel, { x, slots }, { numRows }) as tf.Tensor2D;
}

/** The same from plain TF.js ops: a scatter whose dropped choices go to one row more, which is cut off. */
export function encodeComposed(x: tf.Tensor, slots: tf.Tensor, { numRows }: EncodeOptions): tf.Tensor2D {
  return tf.tidy(() => {
    const d = x.shape[1]!;
    const topK = slots.shape[1]!;
    // No row is sent, and x stays on the path: the sum over none of its rows is 0.
    if (slots.size === 0 || d === 0)
      return tf.add<tf.Tensor2D>(tf.zeros([numRows, d]), tf.sum(tf.slice(x, [0, 0], [0, d])));
    const copies = tf.reshape(tf.tile(tf.expandDims(x, 1), [1, topK, 1]), [-1, d]);
    const rows = tf.scatterND<tf.Rank.R2>(rowOrSpare(slots, numRows), copies, [numRows + 1, d]);
    return tf.slice(rows, [0, 0], [numRows, d]);
  });
}

/** (T * k, 1): the slot, or `numRows` where there is none. */
export function rowOrSpare(slots: tf.Tensor, numRows: number): tf.Tensor2D {
  const spare = tf.scalar(numRows, 'int32');
  return tf.reshape(tf.where(tf.less(slots, tf.scalar(0, 'int32')), spare, slots), [-1, 1]);
}

tf.registerGradient({
  kernelName: encodeKernel,
  inputsToSave: ['slots'],
  gradFunc: (dy, [slots], attributes) =>
    fusedGradients(encodeBackwardKernel, ['x'], { dOut: firstGradient(dy), slots: slots! }, attributes),
});
