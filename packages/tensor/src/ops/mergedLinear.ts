import * as tf from '@tensorflow/tfjs';

import { ArgumentError } from '@scmoe/errors';
import { isRecording } from '../autodiff/recording.js';
import { expectDtype, expectRank, expectShape, expectWidth } from './check.js';
import { linear, linearComposed } from './linear.js';
import { hasFused, runFused } from './runFused.js';

export const mergedLinearKernel = 'ScmoeMergedLinear';
export const mergedLinearBackwardKernel = 'ScmoeMergedLinearBackward';

export interface MergedLinearAttributes {
  numLayers: number;
  /** Whether a gradient is recorded, which asks for the weights as they are. */
  keepForGradient: boolean;
}

/** One of the layers of `mergedLinear`. */
export interface LinearLayer {
  /** (dIn, dOut), of any width dOut. */
  weight: tf.Tensor;
  /** (dOut) */
  bias?: tf.Tensor;
}

/**
 * x W + b of several layers that read one input, such as the queries, keys and values of an attention. Weights stay separate, each
 * with its own gradient. It is one kernel each way: x is rounded to bf16 and brought into order once for all,
 * and its gradient is one sum.
 *
 * @param x (..., dIn) float32
 * @returns (..., dOut) of each layer
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit
 */
export function mergedLinear(x: tf.Tensor, layers: readonly LinearLayer[]): tf.Tensor[] {
  const dIn = expectWidth('mergedLinear', 'x', x);
  expectDtype('mergedLinear', 'x', x, 'float32');
  if (layers.length === 0) throw new ArgumentError('mergedLinear: layers: expected one or more, got none');
  layers.forEach(({ weight, bias }, i) => {
    const [ofWeight, ofBias] = [`layers[${i}].weight`, `layers[${i}].bias`];
    expectDtype('mergedLinear', ofWeight, weight, 'float32');
    expectRank('mergedLinear', ofWeight, weight, 2, '(dIn, dOut)');
    expectShape('mergedLinear', ofWeight, weight, [dIn, weight.shape[1]!], 'for the last dimension of x');
    if (!bias) return;
    expectDtype('mergedLinear', ofBias, bias, 'float32');
    expectShape('mergedLinear', ofBias, bias, [weight.shape[1]!], 'for the second dimension of its weight');
  });
  const numBiases = layers.filter(({ bias }) => bias).length;
  const isAlike = numBiases === 0 || numBiases === layers.length;
  if (!isAlike || !hasFused(mergedLinearKernel)) {
    return layers.map(({ weight, bias }) => linear(x, weight, bias));
  }
  const biases = layers.flatMap(({ bias }) => (bias ? [bias] : []));
  const attributes: MergedLinearAttributes = { numLayers: layers.length, keepForGradient: isRecording() };
  return runOnList(mergedLinearKernel, [x, ...layers.map(({ weight }) => weight), ...biases], attributes);
}

/** A kernel whose inputs are a list: x, all weights, and one more of each layer or of none. */
function runOnList(kernelName: string, inputs: tf.Tensor[], attributes: object): tf.Tensor[] {
  return runFused(kernelName, inputs as unknown as Record<string, tf.Tensor>, attributes);
}

/** The same from plain TF.js ops, with their gradients. */
export function mergedLinearComposed(x: tf.Tensor, layers: readonly LinearLayer[]): tf.Tensor[] {
  return layers.map(({ weight, bias }) => linearComposed(x, weight, bias));
}

tf.registerGradient({
  kernelName: mergedLinearKernel,
  saveAllInputs: true,
  gradFunc: (dys, saved) => {
    const all = Array.isArray(dys) ? dys : [dys];
    const numLayers = all.length;
    const [x, ...others] = saved as [tf.Tensor, ...tf.Tensor[]];
    const weights = others.slice(0, numLayers);
    const given = weights.map((weight, i) => {
      const shape = [...x.shape.slice(0, -1), weight.shape[1]!];
      const dy = all[i]!;
      // A layer whose result leads nowhere has an empty gradient.
      return tf.util.arraysEqual(dy.shape, shape) ? dy : tf.zeros(shape);
    });
    const gradients = runOnList(mergedLinearBackwardKernel, [x, ...weights, ...given], { numLayers });
    return Object.fromEntries(gradients.map((gradient, i) => [String(i), () => gradient]));
  },
});
