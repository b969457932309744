import * as tf from '@tensorflow/tfjs';

/** Squared coefficient of variation, variance / mean^2, of x (N); 0 for one number, and where all are 0. */
export function squaredVariation(x: tf.Tensor, variance: 'population' | 'sample'): tf.Scalar {
  const degrees = variance === 'population' ? x.size : Math.max(1, x.size - 1);
  const mean = tf.mean(x);
  const spread = tf.div(tf.sum(tf.square(tf.sub(x, mean))), degrees);
  return tf.div(spread, tf.add(tf.square(mean), 1e-10)); // as in Tensor2Tensor's cv_squared
}
