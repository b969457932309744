import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { e4m3ToFloat32 } from './float8.js';
import { bf16ToFloat32, f16ToFloat32 } from './halfPrecision.js';
import type { SafetensorsArray, SafetensorsDtype } from './safetensorsHeader.js';

/** A tensor of a safetensors file, in host memory. */
export interface StoredTensor {
  dtype: SafetensorsDtype;
  shape: number[];
  /** Elements in row-major order; F16, BF16 and F8_E4M3 as their bits. */
  data: SafetensorsArray;
}

/** A stored tensor's elements as float32, from F32, BF16, F16, F8_E4M3 or F64. */
export function toFloat32({ dtype, data }: StoredTensor): Float32Array {
  switch (dtype) {
    case 'F32':
      return data as Float32Array;
    case 'BF16':
      return bf16ToFloat32(data as Uint16Array);
    case 'F16':
      return f16ToFloat32(data as Uint16Array);
    case 'F8_E4M3':
      return e4m3ToFloat32(data as Uint8Array);
    case 'F64':
      return Float32Array.from(data as Float64Array);
    default:
      throw new ArgumentError(`dtype: expected one of floating-point numbers, got ${dtype}`);
  }
}

/**
 * A stored tensor on the current backend: float32 from floating-point types, int32 from integers, bool from BOOL.
 *
 * @throws ArgumentError where an integer does not fit into 32 bits.
 */
export function toTensor(stored: StoredTensor): tf.Tensor {
  const { dtype, shape, data } = stored;
  if (dtype === 'BOOL') return tf.tensor(data as Uint8Array, shape, 'bool');
  if (dtype.includes('F')) return tf.tensor(toFloat32(stored), shape, 'float32');
  return tf.tensor(toInt32(data), shape, 'int32');
}

function toInt32(data: SafetensorsArray): Int32Array {
  if (data instanceof Int32Array) return data;
  return Int32Array.from(data as ArrayLike<number | bigint>, (element) => {
    const value = Number(element);
    if (value !== (value | 0)) throw new ArgumentError(`data: expected integers that fit into int32, got ${element}`);
    return value;
  });
}
