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

/** The same from plain TF.js ops, in float32. */
export function globalNormComposed(gradients: tf.Tensor[]): tf.Scalar {
  return tf.tidy(() => tf.sqrt(tf.addN(gradients.map((gradient) => tf.sum(tf.square(gradient))))));
}
