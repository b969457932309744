import { ArgumentError } from '@scmoe/errors';
import type * as tf from '@tensorflow/tfjs';

// What is about tensors; for numbers and options see @scmoe/errors. Each throws an ArgumentError: what, expected, got.

export function expectDtype(op: string, name: string, x: tf.Tensor, dtype: 'float32' | 'int32' | 'bool'): void {
  if (x.dtype !== dtype) fail(op, name, dtype, x.dtype);
}

/** Checks the rank of a tensor. @param shape in words, e.g. `(tokens, numExperts)` */
export function expectRank(op: string, name: string, x: tf.Tensor, rank: number, shape: string): void {
  if (x.rank !== rank) fail(op, name, shape, shapeText(x));
}

export function expectShape(op: string, name: string, x: tf.Tensor, expected: readonly number[], why = ''): void {
  if (x.shape.join() !== expected.join()) fail(op, name, `(${expected.join(', ')})${why && ` ${why}`}`, shapeText(x));
}

/** The last dimension; a scalar has none. */
export function expectWidth(op: string, name: string, x: tf.Tensor): number {
  if (x.rank === 0) fail(op, name, 'at least one dimension', 'a scalar');
  return x.shape[x.rank - 1]!;
}

export function shapeText(x: tf.TensorInfo): string {
  return `(${x.shape.join(', ')})`;
}

function fail(op: string, name: string, expected: string, got: string): never {
  throw new ArgumentError(`${op}: ${name}: expected ${expected}, got ${got}`);
}
