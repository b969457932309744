import * as tf from '@tensorflow/tfjs';

import { roundToBf16 } from '../weights/roundToBf16.js';

/** A variable of zeros that no gradient trains: an optimizer's state, which is one so that a recorded step knows where it is. */
export function zeroVariable(shape: readonly number[], format: 'float32' | 'bfloat16' = 'float32'): tf.Variable {
  return tf.tidy(() => {
    // By the backend, in memory of its own: `tf.zeros` makes an array of JavaScript, whose pages are small ones.
    const zeros = tf.fill([...shape], 0);
    return tf.variable(format === 'bfloat16' ? roundToBf16(zeros) : zeros, false);
  });
}
