import * as tf from '@tensorflow/tfjs';

/**
 * Factor that brings gradients of norm `norm` down to `maxNorm`: min(1, maxNorm / norm). Stays on the device; a norm
 * that is not a number gives NaN.
 *
 * @param norm scalar, see globalNorm
 * @returns scalar
 */
export function clipScale(norm: tf.Tensor, maxNorm: number): tf.Scalar {
  if (!(maxNorm > 0)) throw new Error(`clipScale: maxNorm must be positive, got ${maxNorm}`);
  if (norm.size !== 1) throw new Error(`clipScale: norm must be a scalar, got (${norm.shape.join(', ')})`);
  return tf.tidy(() => tf.minimum(1, tf.div(maxNorm, tf.reshape(norm, []))));
}
