import type * as tf from '@tensorflow/tfjs';

import type { NumericType } from '../ScmoeBackend.js';

/** Whether a tensor is of a dtype that native kernels know: not a complex number, not a string. */
export function isNumeric<T extends tf.TensorInfo>(tensor: T): tensor is T & { dtype: NumericType } {
  return tensor.dtype === 'float32' || tensor.dtype === 'int32' || tensor.dtype === 'bool';
}

export function isFloat(tensor: tf.TensorInfo): boolean {
  return tensor.dtype === 'float32';
}

export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (let d = 0; d < shape.length; d++) size *= shape[d]!;
  return size;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let d = 0; d < a.length; d++) if (a[d] !== b[d]) return false;
  return true;
}
