import * as tf from '@tensorflow/tfjs';

import { expectDtype } from '../ops/check.js';
import { hasFused, runFusedOne } from '../ops/runFused.js';

export const globalNormKernel = 'ScmoeGlobalNorm';

/**
 * Euclidean norm of all gradients taken as one vector. The native kernel sums in double in an order that depends on the
 * shapes alone, so the value repeats bit for bit.
 *
 * @returns scalar, 0 for an empty list
 */
export function globalNorm(gradients: tf.Tensor[]): tf.Scalar {
  for (const [i, gradient] of gradients.entries()) expectDtype('globalNorm', `gradients[${i}]`, gradient, 'float32');
  if (gradients.length === 0) return tf.scalar(0);
  if (!hasFused(globalNormKernel)) return globalNormComposed(gradients);
  const inputs = Object.fromEntries(gradients.map((gradient, i) => [`g${i}`, gradient]));
  return runFusedOne(globalNormKernel, inputs, { count: gradients.length }) as tf.Scalar;
}

/**
 * The same from plain TF.js ops. Float32 alone: so numbers are squared in units of the largest, and summed by the
 * thousand, for a backend may sum them one after the other (wasm was 2 % off for ten million of them).
 */
export function globalNormComposed(gradients: tf.Tensor[]): tf.Scalar {
  return tf.tidy(() => {
    const flat = gradients.map((gradient) => tf.reshape(gradient, [-1])).filter(({ size }) => size > 0);
    if (flat.length === 0) return tf.scalar(0);
    const largest = tf.max<tf.Scalar>(tf.stack(flat.map((gradient) => tf.max(tf.abs(gradient)))));
    // Of zeros alone, of infinities and of NaN, the sum of squares says what there is.
    const isUnit = tf.logicalAnd(tf.greater(largest, 0), tf.less(largest, Infinity));
    const unit = tf.where(isUnit, largest, tf.onesLike(largest));
    const sums = flat.map((gradient) => sumInBlocks(tf.square(tf.div(gradient, unit))));
    return tf.mul<tf.Scalar>(unit, tf.sqrt(tf.addN(sums)));
  });
}

const block = 1000;

function sumInBlocks(x: tf.Tensor): tf.Tensor {
  if (x.size <= block) return tf.sum(x);
  const whole = Math.floor(x.size / block);
  const blocks = tf.reshape(tf.slice(x, [0], [whole * block]), [whole, block]);
  const sums = sumInBlocks(tf.sum(blocks, 1));
  return whole * block === x.size ? sums : tf.add(sums, tf.sum(tf.slice(x, [whole * block])));
}
