import * as tf from '@tensorflow/tfjs';

/**
 * An equal share of what `size` ranks add up: x / size. Each of them sees the gradient of the sum, which is that of x: it stays
 * as it is.
 */
export function shareOfSum<T extends tf.Tensor>(x: T, size: number): T {
  const share = tf.customGrad<T>((given) => ({
    value: tf.div<T>(given as T, size),
    gradFunc: (dy: tf.Tensor) => tf.clone(dy),
  }));
  return share(x);
}
