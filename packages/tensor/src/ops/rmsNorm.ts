import { expectNonNegative } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { gradientSoFar } from '../autodiff/gradientSoFar.js';
import { expectDtype, expectShape, expectWidth } from './check.js';
import type { NormOptions } from './layerNorm.js';
import { firstGradient, fusedGradients, hasFused, runFused } from './runFused.js';

export const rmsNormKernel = 'ScmoeRmsNorm';
export const rmsNormBackwardKernel = 'ScmoeRmsNormBackward';

/**
 * x / sqrt(mean(x²) + epsilon) * weight over the last dimension (Zhang and Sennrich, arXiv 1910.07467). One kernel each
 * way.
 *
 * @param x (..., d) float32
 * @param weight (d)
 * @returns (..., d)
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit
 */
export function rmsNorm(x: tf.Tensor, weight: tf.Tensor, { epsilon = 1e-6 }: NormOptions = {}): tf.Tensor {
  const d = expectWidth('rmsNorm', 'x', x);
  for (const [name, tensor] of Object.entries({ x, weight })) expectDtype('rmsNorm', name, tensor, 'float32');
  expectShape('rmsNorm', 'weight', weight, [d], 'for the last dimension of x');
  expectNonNegative('rmsNorm: epsilon', epsilon);
  if (!hasFused(rmsNormKernel)) return rmsNormComposed(x, weight, { epsilon });
  const [y, ...saved] = runFused(rmsNormKernel, { x, weight }, { epsilon });
  tf.dispose(saved); // the tape keeps its own handle
  return y!;
}

/** The same from plain TF.js ops, with their gradients. */
export function rmsNormComposed(x: tf.Tensor, weight: tf.Tensor, { epsilon = 1e-6 }: NormOptions = {}): tf.Tensor {
  return tf.tidy(() => {
    const meanSquare = tf.mean(tf.square(x), -1, true);
    return tf.mul(tf.mul(x, tf.rsqrt(tf.add(meanSquare, epsilon))), weight);
  });
}

tf.registerGradient({
  kernelName: rmsNormKernel,
  inputsToSave: ['x', 'weight'],
  outputsToSave: [false, true], // 1 / root mean square of each row
  gradFunc: (dy, saved) => {
    const [x, weight, rstd] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
    const sum = gradientSoFar('x'); // what goes past the norm, in a residual stream
    const inputs = { dOut: firstGradient(dy), x, weight, rstd, ...(sum && { sum }) };
    return fusedGradients(rmsNormBackwardKernel, ['x', 'weight'], inputs);
  },
});
