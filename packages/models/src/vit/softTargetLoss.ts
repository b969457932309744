import { ArgumentError, expectBetween } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

/**
 * Mean cross-entropy of `logits` (B, C) against `targets` (B, C), float32, whose rows are distributions over the classes,
 * such as those of mixup and CutMix. No gradient goes to the targets.
 *
 * @param labelSmoothing e: the targets become (1 - e) of what they are, and e / C for each class
 * @throws ArgumentError where the targets have another shape or dtype.
 */
export function softTargetLoss(
  logits: tf.Tensor2D,
  targets: tf.Tensor2D,
  { labelSmoothing = 0 }: { labelSmoothing?: number } = {},
): tf.Scalar {
  const [batch, numClasses] = logits.shape;
  if (targets.shape.join() !== logits.shape.join() || targets.dtype !== 'float32') {
    throw new ArgumentError(
      `targets: expected float32 (${batch}, ${numClasses}), got ${targets.dtype} (${targets.shape.join(', ')})`,
    );
  }
  expectBetween('labelSmoothing', labelSmoothing, 0, 1);
  return tf.tidy(() => {
    const smooth =
      labelSmoothing > 0 ? tf.add(tf.mul(targets, 1 - labelSmoothing), labelSmoothing / numClasses) : targets;
    return tf.mul<tf.Scalar>(tf.sum(tf.mul(smooth, tf.logSoftmax(logits))), -1 / batch);
  });
}
