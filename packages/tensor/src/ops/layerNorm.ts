import { expectNonNegative } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { gradientSoFar } from '../autodiff/gradientSoFar.js';
import { expectDtype, expectShape, expectWidth } from './check.js';
import { firstGradient, fusedGradients, hasFused, runFused } from './runFused.js';

export const layerNormKernel = 'ScmoeLayerNorm';
export const layerNormBackwardKernel = 'ScmoeLayerNormBackward';

/** Options of `layerNorm` and `rmsNorm`. */
export interface NormOptions {
  /** Number that is added to the mean square under the root. */
  epsilon?: number;
}

/**
 * (x - mean) / sqrt(variance + epsilon) * weight + bias over the last dimension, the variance biased
 * (Ba et al., arXiv 1607.06450). One kernel each way.
 *
 * @param x (..., d) float32
 * @param weight (d)
 * @param bias (d)
 * @returns (..., d)
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit
 */
export function layerNorm(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
  { epsilon = 1e-5 }: NormOptions = {},
): tf.Tensor {
  const d = expectWidth('layerNorm', 'x', x);
  for (const [name, tensor] of Object.entries({ x, weight, bias })) expectDtype('layerNorm', name, tensor, 'float32');
  expectShape('layerNorm', 'weight', weight, [d], 'for the last dimension of x');
  expectShape('layerNorm', 'bias', bias, [d], 'for the last dimension of x');
  expectNonNegative('layerNorm: epsilon', epsilon);
  if (!hasFused(layerNormKernel)) return layerNormComposed(x, weight, bias, { epsilon });
  const [y, ...saved] = runFused(layerNormKernel, { x, weight, bias }, { epsilon });
  tf.dispose(saved); // the tape keeps its own handles
  return y!;
}

/** The same from plain TF.js ops, with their gradients. */
export function layerNormComposed(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
  { epsilon = 1e-5 }: NormOptions = {},
): tf.Tensor {
  return tf.tidy(() => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon))), weight), bias);
  });
}

tf.registerGradient({
  kernelName: layerNormKernel,
  inputsToSave: ['x', 'weight'],
  outputsToSave: [false, true, true], // mean and 1 / deviation of each row
  gradFunc: (dy, saved) => {
    const [x, weight, mean, rstd] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const sum = gradientSoFar('x'); // what goes past the norm, in a residual stream
    const inputs = { dOut: firstGradient(dy), x, weight, mean, rstd, ...(sum && { sum }) };
    return fusedGradients(layerNormBackwardKernel, ['x', 'weight', 'bias'], inputs);
  },
});
