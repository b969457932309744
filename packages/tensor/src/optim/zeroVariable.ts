import * as tf from '@tensorflow/tfjs';

/** A variable of zeros that no gradient trains: an optimizer's state, which is one so that a recorded step knows where it is. */
export function zeroVariable(shape: readonly number[]): tf.Variable {
  return tf.tidy(() => tf.variable(tf.zeros([...shape]), false));
}
