import * as tf from '@tensorflow/tfjs';

import { expectDtype, expectRank, expectShape } from './check.js';
import { rowOrSpare } from './encode.js';
import { firstGradient, fusedGradients, hasFused, runFusedOne } from './runFused.js';

export const decodeKernel = 'ScmoeDecode';
export const decodeBackwardKernel = 'ScmoeDecodeBackward';

/**
 * Unpacks expert rows into tokens: y[t] = sum over j of weights[t, j] * rows[slots[t, j]]; a dropped choice (-1) adds
 * nothing. One kernel each way.
 *
 * @param rows (R, d) float32
 * @param weights (T, k) float32
 * @param slots (T, k) int32
 * @returns (T, d)
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit; the native kernel also when a slot is outside
 */
export function decode(rows: tf.Tensor, weights: tf.Tensor, slots: tf.Tensor): tf.Tensor2D {
  expectDtype('decode', 'rows', rows, 'float32');
  expectRank('decode', 'rows', rows, 2, '(rows, d)');
  expectDtype('decode', 'weights', weights, 'float32');
  expectRank('decode', 'weights', weights, 2, '(tokens, topK)');
  expectDtype('decode', 'slots', slots, 'int32');
  expectShape('decode', 'slots', slots, weights.shape, 'like weights');
  if (!hasFused(decodeKernel)) return decodeComposed(rows, weights, slots);
  return runFusedOne(decodeKernel, { rows, weights, slots }) as tf.Tensor2D;
}

/** The same from plain TF.js ops: a gather with one row of zeros for the dropped choices. */
export function decodeComposed(rows: tf.Tensor, weights: tf.Tensor, slots: tf.Tensor): tf.Tensor2D {
  return tf.tidy(() => {
    const [numRows, d] = rows.shape as [number, number];
    const [tokens, topK] = weights.shape as [number, number];
    if (slots.size === 0 || rows.size === 0) {
      const nothing = tf.mul(tf.add(tf.sum(rows), tf.sum(weights)), 0);
      return tf.add<tf.Tensor2D>(tf.zeros([tokens, d]), nothing);
    }
    const padded = tf.concat([rows as tf.Tensor2D, tf.zeros<tf.Rank.R2>([1, d])], 0);
    const chosen = tf.reshape(tf.gatherND(padded, rowOrSpare(slots, numRows)), [tokens, topK, d]);
    return tf.sum(tf.mul(chosen, tf.expandDims(weights, -1)), 1);
  });
}

tf.registerGradient({
  kernelName: decodeKernel,
  inputsToSave: ['rows', 'weights', 'slots'],
  gradFunc: (dy, saved) => {
    const [rows, weights, slots] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
    return fusedGradients(decodeBackwardKernel, ['rows', 'weights'], { dOut: firstGradient(dy), rows, weights, slots });
  },
});
