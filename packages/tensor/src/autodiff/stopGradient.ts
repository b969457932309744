import * as tf from '@tensorflow/tfjs';

/**
 * The same values (no copy), as a constant: no gradient flows back through the result, and nothing is computed for it.
 */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  const { state } = tf.engine();
  const depth = state.gradientDepth;
  // The engine records nothing at depth 0, so the result has no history.
  state.gradientDepth = 0;
  try {
    return x.clone();
  } finally {
    state.gradientDepth = depth;
  }
}
