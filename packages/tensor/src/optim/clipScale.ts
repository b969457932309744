import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

/**
 * Factor that brings gradients of norm `norm` down to `maxNorm`: min(1, maxNorm / norm). Stays on the device; a norm
 * that is not a number gives NaN.
 *
 * @param norm scalar, see globalNorm
 * @returns scalar
 */
export function clipScale(norm: tf.Tensor, maxNorm: number): tf.Scalar {
  expectThat(maxNorm > 0, 'clipScale: maxNorm', 'a number > 0', maxNorm);
  expectThat(norm.size === 1, 'clipScale: norm', 'a scalar', norm.shape);
  return tf.tidy(() => tf.minimum(1, tf.div(maxNorm, tf.reshape(norm, []))));
}
