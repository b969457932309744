import type * as tf from '@tensorflow/tfjs';

/**
 * Largest difference between two tensors of one shape, in units of the largest magnitude of `expected` (or of `scale`,
 * for values that are zero in exact arithmetic). NaN anywhere gives NaN, which no tolerance accepts.
 */
export function relativeError(actual: tf.Tensor, expected: tf.Tensor, scale?: number): number {
  if (actual.shape.join() !== expected.shape.join()) {
    throw new Error(`shapes differ: got (${actual.shape.join(', ')}), expected (${expected.shape.join(', ')})`);
  }
  const a = actual.dataSync();
  const b = expected.dataSync();
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < b.length; i++) {
    const d = Math.abs(a[i]! - b[i]!);
    if (!(d <= difference)) difference = d;
    if (Number.isNaN(d)) return NaN;
    largest = Math.max(largest, Math.abs(b[i]!));
  }
  return difference / (scale ?? (largest || 1));
}
