import * as tf from '@tensorflow/tfjs';

/**
 * Values that `tf.topk` can order, for the composed twins: each NaN is taken for infinity. In what order TF.js's own
 * backends put a NaN depends on its position; the native kernels count it as larger than everything.
 */
export function rankable<T extends tf.Tensor>(x: T): T {
  return tf.where(tf.isNaN(x), Infinity, x);
}
