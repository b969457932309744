import { ArgumentError } from '@scmoe/errors';
import type * as tf from '@tensorflow/tfjs';

/** Checks a mask of tokens x (..., d). @throws ArgumentError where it is not bool, or has another shape than (...) */
export function checkMask(mask: tf.Tensor | undefined, x: tf.Tensor): void {
  if (!mask) return;
  const expected = x.shape.slice(0, -1);
  if (mask.dtype === 'bool' && mask.shape.join() === expected.join()) return;
  throw new ArgumentError(
    `mask: expected bool (${expected.join(', ')}), one for each token, got ${mask.dtype} (${mask.shape.join(', ')})`,
  );
}
