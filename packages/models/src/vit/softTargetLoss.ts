import { ArgumentError, expectBetween } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

/**
 * Mean cross-entropy of `logits` (B, C) against `targets` (B, C), float32, whose rows are distributions over the classes,
 * such as those of mixup and CutMix. No gradient goes to the targets.
 *
 * @param options `labelSmoothing` e: the targets become (1 - e) of what they are, and e / C for each class; `mask` (B) bool:
 *   a row where it is false does not count
 * @throws ArgumentError where the targets have another shape or dtype.
 */
export function softTargetLoss(
  logits: tf.Tensor2D,
  targets: tf.Tensor2D,
  { labelSmoothing = 0, mask }: { labelSmoothing?: number; mask?: tf.Tensor } = {},
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
    const each = tf.mul(smooth, tf.logSoftmax(logits));
    if (!mask) return tf.mul<tf.Scalar>(tf.sum(each), -1 / batch);
    const isImage = tf.cast(mask, 'float32');
    const sum = tf.sum(tf.mul(each, tf.expandDims(isImage, 1)));
    return tf.div<tf.Scalar>(tf.neg(sum), tf.maximum(tf.sum(isImage), 1));
  });
}
