import type * as tf from '@tensorflow/tfjs';

/** Errors of the fused operations: what was wrong, what was expected, what came. */
export function expectDtype(op: string, name: string, x: tf.Tensor, dtype: 'float32' | 'int32'): void {
  if (x.dtype !== dtype) throw new Error(`${op}: ${name} must be ${dtype}, got ${x.dtype}`);
}

/** @param shape in words, e.g. `(tokens, numExperts)` */
export function expectRank(op: string, name: string, x: tf.Tensor, rank: number, shape: string): void {
  if (x.rank !== rank) throw new Error(`${op}: ${name} must be ${shape}, got ${shapeText(x)}`);
}

export function expectShape(op: string, name: string, x: tf.Tensor, expected: readonly number[], why = ''): void {
  if (x.shape.join() === expected.join()) return;
  throw new Error(`${op}: ${name} must be (${expected.join(', ')})${why && ` ${why}`}, got ${shapeText(x)}`);
}

/** The last dimension; a scalar has none. */
export function expectWidth(op: string, name: string, x: tf.Tensor): number {
  if (x.rank === 0) throw new Error(`${op}: ${name} must have at least one dimension, got a scalar`);
  return x.shape[x.rank - 1]!;
}

export function shapeText(x: tf.TensorInfo): string {
  return `(${x.shape.join(', ')})`;
}
