import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { isRecording } from '../autodiff/recording.js';
import { mayWriteOver, scaleInPlace } from '../backend/addInPlace.js';
import { expectDtype, expectRank, expectShape } from './check.js';
import { firstGradient, hasFused, runFused } from './runFused.js';
import { softmaxCrossEntropyComposed, type CrossEntropyOptions } from './softmaxCrossEntropy.js';

export const linearCrossEntropyKernel = 'ScmoeLinearCrossEntropy';

/** Options of `linearCrossEntropy`. */
export interface LinearCrossEntropyOptions extends CrossEntropyOptions {
  /** (V) */
  bias?: tf.Tensor;
  /** The weight is (V, d), as an embedding that is the head as well, and not (d, V). */
  transposeWeight?: boolean;
}

export interface LinearCrossEntropyAttributes extends Required<CrossEntropyOptions> {
  transposeWeight: boolean;
  /** Give the gradients of the mean beside it: dX, dWeight and, where there is one, dBias. */
  wantsGradients: boolean;
}

/**
 * `softmaxCrossEntropy` of x W + bias without a matrix (T, V) in memory: logits are made a piece of the rows at a time, and
 * each piece gives its part of the gradients before the next one takes its place (Hsu et al., "Liger Kernel", arXiv
 * 2410.10989, section 3.2). What the gradients cost is paid in the forward pass, and only where a gradient is being taken.
 *
 * @param x (T, d) float32
 * @param weight (d, V) float32
 * @param targets (T) int32, each in 0 ... V - 1 or ignoreIndex; the native kernel throws on another
 * @returns scalar, in nats; 0 where no target counts
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit
 */
export function linearCrossEntropy(
  x: tf.Tensor,
  weight: tf.Tensor,
  targets: tf.Tensor,
  { bias, transposeWeight = false, ignoreIndex = -100, labelSmoothing = 0 }: LinearCrossEntropyOptions = {},
): tf.Scalar {
  const op = 'linearCrossEntropy';
  for (const [name, tensor] of Object.entries({ x, weight, ...(bias && { bias }) }))
    expectDtype(op, name, tensor, 'float32');
  expectDtype(op, 'targets', targets, 'int32');
  expectRank(op, 'x', x, 2, '(tokens, width)');
  expectRank(op, 'weight', weight, 2, transposeWeight ? '(classes, width)' : '(width, classes)');
  const classes = weight.shape[transposeWeight ? 0 : 1]!;
  const width = x.shape[1]!;
  expectShape(op, 'weight', weight, transposeWeight ? [classes, width] : [width, classes], 'for the width of x');
  if (bias) expectShape(op, 'bias', bias, [classes], 'for the classes of weight');
  expectShape(op, 'targets', targets, [x.shape[0]], 'for the rows of x');
  const isShare = labelSmoothing >= 0 && labelSmoothing < 1;
  expectThat(isShare, `${op}: labelSmoothing`, 'a number >= 0 and < 1', labelSmoothing);
  const options = { transposeWeight, ignoreIndex, labelSmoothing };
  if (!hasFused(linearCrossEntropyKernel))
    return linearCrossEntropyComposed(x, weight, targets, { ...options, ...(bias && { bias }) });
  const attributes: LinearCrossEntropyAttributes = { ...options, wantsGradients: isRecording() };
  const inputs = { x, weight, targets, ...(bias && { bias }) };
  const [loss, ...gradients] = runFused(linearCrossEntropyKernel, inputs, attributes);
  tf.dispose(gradients); // the tape keeps its own handles
  return loss as tf.Scalar;
}

/** The same from plain TF.js ops, with their gradients and all logits at once. */
export function linearCrossEntropyComposed(
  x: tf.Tensor,
  weight: tf.Tensor,
  targets: tf.Tensor,
  { bias, transposeWeight = false, ...options }: LinearCrossEntropyOptions = {},
): tf.Scalar {
  return tf.tidy(() => {
    const logits = tf.matMul(x, weight, false, transposeWeight);
    return softmaxCrossEntropyComposed(bias ? tf.add(logits, bias) : logits, targets, options);
  });
}

tf.registerGradient({
  kernelName: linearCrossEntropyKernel,
  outputsToSave: [false, true, true, true],
  gradFunc: (dy, saved) => {
    const dLoss = firstGradient(dy);
    const [dX, dWeight, dBias] = saved as [tf.Tensor, tf.Tensor, tf.Tensor?];
    const times = (gradient: tf.Tensor) => () => scaled(gradient, dLoss);
    return { x: times(dX), weight: times(dWeight), ...(dBias && { bias: times(dBias) }) };
  },
});

/** What is saved times the gradient of the loss: where it is, if nobody takes a gradient of this one or has it saved as well. */
function scaled(gradient: tf.Tensor, dLoss: tf.Tensor): tf.Tensor {
  if (tf.engine().state.gradientDepth > 0 || !mayWriteOver(gradient)) return tf.mul(gradient, dLoss);
  scaleInPlace(gradient, dLoss);
  return gradient.clone();
}
