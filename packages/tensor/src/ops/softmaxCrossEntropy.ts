import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { expectDtype, expectRank, expectShape } from './check.js';
import { firstGradient, fusedGradients, hasFused, runFused } from './runFused.js';

export const crossEntropyKernel = 'ScmoeSoftmaxCrossEntropy';
export const crossEntropyBackwardKernel = 'ScmoeSoftmaxCrossEntropyBackward';

/** Options of `softmaxCrossEntropy`. */
export interface CrossEntropyOptions {
  /** Targets with this value do not count. */
  ignoreIndex?: number;
  /** e in (1 - e) * nll + e * mean over classes of -log p (Szegedy et al., arXiv 1512.00567, section 7). */
  labelSmoothing?: number;
}

/**
 * Mean over the counted targets of -log softmax(logits)[target], in nats; 0 when none counts. One kernel each way, which
 * keeps one number a row instead of the probabilities.
 *
 * @param logits (T, V) float32
 * @param targets (T) int32, each in 0 ... V - 1 or ignoreIndex; the native kernel throws on another
 * @returns scalar
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit
 */
export function softmaxCrossEntropy(
  logits: tf.Tensor,
  targets: tf.Tensor,
  { ignoreIndex = -100, labelSmoothing = 0 }: CrossEntropyOptions = {},
): tf.Scalar {
  expectDtype('softmaxCrossEntropy', 'logits', logits, 'float32');
  expectDtype('softmaxCrossEntropy', 'targets', targets, 'int32');
  expectRank('softmaxCrossEntropy', 'logits', logits, 2, '(tokens, classes)');
  expectShape('softmaxCrossEntropy', 'targets', targets, [logits.shape[0]], 'for the rows of logits');
  const isShare = labelSmoothing >= 0 && labelSmoothing < 1;
  expectThat(isShare, 'softmaxCrossEntropy: labelSmoothing', 'a number >= 0 and < 1', labelSmoothing);
  const options = { ignoreIndex, labelSmoothing };
  if (!hasFused(crossEntropyKernel)) return softmaxCrossEntropyComposed(logits, targets, options);
  const [loss, ...saved] = runFused(crossEntropyKernel, { logits, targets }, options);
  tf.dispose(saved); // the tape keeps its own handles
  return loss as tf.Scalar;
}

/** The same from plain TF.js ops, with their gradients. */
export function softmaxCrossEntropyComposed(
  logits: tf.Tensor,
  targets: tf.Tensor,
  { ignoreIndex = -100, labelSmoothing = 0 }: CrossEntropyOptions = {},
): tf.Scalar {
  return tf.tidy(() => {
    const classes = logits.shape[1]!;
    const isCounted = tf.notEqual(targets, tf.scalar(ignoreIndex, 'int32'));
    const counted = tf.cast(isCounted, 'float32');
    // What does not count may be all infinities and NaN: neither the loss nor a gradient sees it.
    const logProbabilities = tf.logSoftmax(tf.where(tf.expandDims(isCounted, 1), logits, 0));
    const target = tf.cast(tf.oneHot(targets as tf.Tensor1D, classes), 'bool'); // all false where the id is outside
    // Selected and not multiplied: the infinity of a class that is ruled out times 0 would be NaN.
    const nll = tf.neg(tf.sum(tf.where(target, logProbabilities, 0), -1));
    const uniform = labelSmoothing === 0 ? 0 : tf.neg(tf.mean(logProbabilities, -1));
    const perToken = tf.add(tf.mul(nll, 1 - labelSmoothing), tf.mul(uniform, labelSmoothing));
    const count = tf.maximum(tf.sum(counted), 1);
    return tf.div<tf.Scalar>(tf.sum(tf.mul(perToken, counted)), count);
  });
}

tf.registerGradient({
  kernelName: crossEntropyKernel,
  inputsToSave: ['logits', 'targets'],
  outputsToSave: [false, true, true], // logsumexp of each row, number of counted targets
  gradFunc: (dy, saved, attributes) => {
    const [logits, targets, logsumexp, counted] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const inputs = { dOut: firstGradient(dy), logits, targets, logsumexp, counted };
    return fusedGradients(crossEntropyBackwardKernel, ['logits'], inputs, attributes);
  },
});
