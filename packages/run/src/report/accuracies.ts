import * as tf from '@tensorflow/tfjs';

/**
 * Shares of what is classified whose class has the best score, and is among the best five: `top1` and, with more than five
 * classes, `top5`. For the `measure` of a program.
 *
 * @param pass logits (B, C)
 * @param batch labels (B), int32
 */
export function accuracies(
  { logits }: { logits: tf.Tensor2D },
  { labels }: { labels: tf.Tensor1D },
): Record<string, tf.Scalar> {
  const [, numClasses] = logits.shape;
  const own = tf.sum(tf.mul(logits, tf.oneHot(labels, numClasses)), 1, true);
  // Ties count against the model: one that gives all classes the same score knows nothing.
  const asGood = tf.sum(tf.cast(tf.greaterEqual(logits, own), 'float32'), 1);
  const within = (places: number) => tf.mean<tf.Scalar>(tf.cast(tf.lessEqual(asGood, places), 'float32'));
  return { top1: within(1), ...(numClasses > 5 && { top5: within(5) }) };
}
