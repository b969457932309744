import { expectOneOf } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

/** What a linear layer applies to its result: GELU by the error function, GELU by tanh (GPT-2), SiLU. */
export type Activation = 'none' | 'gelu' | 'gelu_tanh' | 'silu';

/** What an expert's hidden layer is: an activation between two products, or SwiGLU (arXiv 2002.05202). */
export type ExpertActivation = Exclude<Activation, 'none'> | 'swiglu';

/**
 * The gate of gpt-oss in place of SwiGLU's: with g at most `limit` and u within -limit and limit,
 * g sigmoid(alpha g) (u + 1).
 */
export interface ClampedGlu {
  limit: number;
  alpha: number;
}

/** The activations that `linear` can apply to its result. */
export const activations: readonly Activation[] = ['none', 'gelu', 'gelu_tanh', 'silu'];

export function expectActivation(op: string, activation: Activation): void {
  expectOneOf(`${op}: activation`, activation, activations);
}

/** What a gated layer makes of x gate and x up: silu(g) u, or the clamped form. */
export function gluComposed(gated: tf.Tensor, raised: tf.Tensor, clamped?: ClampedGlu): tf.Tensor {
  if (!clamped) return tf.mul(tf.mul(gated, tf.sigmoid(gated)), raised);
  const { limit, alpha } = clamped;
  // One bound for the gate; the other is so far away that nothing reaches it.
  const bounded = tf.clipByValue(gated, -floatMax, limit);
  const within = tf.clipByValue(raised, -limit, limit);
  return tf.mul(tf.mul(bounded, tf.sigmoid(tf.mul(bounded, alpha))), tf.add(within, 1));
}

/** The largest number of 32 bits. */
const floatMax = 3.4028234663852886e38;

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
