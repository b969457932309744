import { expectOneOf } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

/** What a linear layer applies to its result: GELU by the error function, GELU by tanh (GPT-2), SiLU. */
export type Activation = 'none' | 'gelu' | 'gelu_tanh' | 'silu';

/** What an expert's hidden layer is: an activation between two products, or SwiGLU (arXiv 2002.05202). */
export type ExpertActivation = Exclude<Activation, 'none'> | 'swiglu';

/** The activations that `linear` can apply to its result. */
export const activations: readonly Activation[] = ['none', 'gelu', 'gelu_tanh', 'silu'];

export function expectActivation(op: string, activation: Activation): void {
  expectOneOf(`${op}: activation`, activation, activations);
}

/** The activation from plain TF.js ops. */
export function activateComposed(x: tf.Tensor, activation: Activation): tf.Tensor {
  switch (activation) {
    case 'none':
      return x.clone();
    case 'gelu':
      return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
    case 'gelu_tanh': {
      const inner = tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI));
      return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
    }
    case 'silu':
      return tf.mul(x, tf.sigmoid(x));
  }
}
