import * as tf from '@tensorflow/tfjs';

/** A variable of zeros that no gradient trains: an optimizer's state, which is one so that a recorded step knows where it is. */
export function zeroVariable(shape: readonly number[]): tf.Variable {
  // By the backend, in memory of its own: `tf.zeros` makes an array of JavaScript, whose pages are small ones.
  return tf.tidy(() => tf.variable(tf.fill([...shape], 0), false));
}
