import * as tf from '@tensorflow/tfjs';

import { isRecording } from '../autodiff/recording.js';
import { activateComposed, expectActivation, type Activation } from './activation.js';
import { expectDtype, expectRank, expectShape, expectWidth } from './check.js';
import { firstGradient, fusedGradients, hasFused, runFused } from './runFused.js';

export const linearKernel = 'ScmoeLinear';
export const linearBackwardKernel = 'ScmoeLinearBackward';

/** Options of `linear`. */
export interface LinearOptions {
  activation?: Activation;
  /** Multiply in float32 even where the backend's precision is bf16: routers need it. */
  float32?: boolean;
}

export interface LinearAttributes extends Required<LinearOptions> {
  /** Return the values before the activation as well. */
  keepForGradient: boolean;
}

/**
 * activation(x W + b), one kernel each way.
 *
 * @param x (..., dIn) float32
 * @param weight (dIn, dOut)
 * @param bias (dOut), or undefined
 * @returns (..., dOut)
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit
 */
export function linear(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias?: tf.Tensor,
  { activation = 'none', float32 = false }: LinearOptions = {},
): tf.Tensor {
  const dIn = expectWidth('linear', 'x', x);
  expectDtype('linear', 'x', x, 'float32');
  expectDtype('linear', 'weight', weight, 'float32');
  expectRank('linear', 'weight', weight, 2, '(dIn, dOut)');
  expectShape('linear', 'weight', weight, [dIn, weight.shape[1]!], 'for the last dimension of x');
  if (bias) {
    expectDtype('linear', 'bias', bias, 'float32');
    expectShape('linear', 'bias', bias, [weight.shape[1]!], 'for the second dimension of weight');
  }
  expectActivation('linear', activation);
  if (!hasFused(linearKernel)) return linearComposed(x, weight, bias, { activation });
  const inputs = { x, weight, ...(bias && { bias }) };
  const attributes: LinearAttributes = { activation, float32, keepForGradient: isRecording() };
  const [y, preActivation] = runFused(linearKernel, inputs, attributes);
  preActivation?.dispose(); // the tape keeps its own handle
  return y!;
}

/** The same from plain TF.js ops, with their gradients. */
export function linearComposed(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias?: tf.Tensor,
  { activation = 'none' }: Pick<LinearOptions, 'activation'> = {},
): tf.Tensor {
  return tf.tidy(() => {
    const [dIn, dOut] = weight.shape as [number, number];
    const product = tf.matMul(tf.reshape(x, [-1, dIn]), weight);
    const pre = bias ? tf.add(product, bias) : product;
    return tf.reshape(activateComposed(pre, activation), [...x.shape.slice(0, -1), dOut]);
  });
}

tf.registerGradient({
  kernelName: linearKernel,
  inputsToSave: ['x', 'weight'],
  outputsToSave: [false, true],
  gradFunc: (dy, saved, attributes) => {
    const dOut = firstGradient(dy);
    const [x, weight, preActivation] = saved as [tf.Tensor, tf.Tensor, tf.Tensor?];
    const inputs = { dOut, x, weight, ...(preActivation && { preActivation }) };
    return fusedGradients(linearBackwardKernel, ['x', 'weight', 'bias'], inputs, attributes);
  },
});
