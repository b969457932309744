import { createHash } from 'node:crypto';

import * as tf from '@tensorflow/tfjs';

import { bf16ToFloat32, f16ToFloat32 } from './halfPrecision.js';
import { openSafetensors } from './openSafetensors.js';
import { SafetensorsError, type SafetensorsArray, type SafetensorsDtype } from './safetensorsHeader.js';

export interface StoredTensor {
  dtype: SafetensorsDtype;
  shape: number[];
  /** Elements in row-major order; F16 and BF16 as their bits. */
  data: SafetensorsArray;
}

/**
 * Reads a safetensors file into host memory, tensor by tensor.
 *
 * @param sha256 the checksum that the whole file must have, as `writeSafetensors` returned it.
 * @throws SafetensorsError where the file is malformed, truncated or not the one with this checksum; the system's error
 *   where it can't be read.
 */
export async function readSafetensors(
  path: string,
  { sha256 }: { sha256?: string } = {},
): Promise<{ tensors: Record<string, StoredTensor>; metadata: Record<string, string> }> {
  const hash = sha256 === undefined ? undefined : createHash('sha256');
  const file = await openSafetensors(path, { onBytes: (bytes) => hash?.update(bytes) });
  try {
    const tensors: [string, StoredTensor][] = [];
    for (const { name } of file.entries) tensors.push([name, await file.read(name)]);
    const got = hash?.digest('hex');
    if (got !== sha256) throw new SafetensorsError(`${path}: the file's sha256 is ${got}, expected ${sha256}`);
    return { tensors: Object.fromEntries(tensors), metadata: file.metadata };
  } finally {
    await file.close();
  }
}

/** A stored tensor's elements as float32, from F32, BF16, F16 or F64. */
export function toFloat32({ dtype, data }: StoredTensor): Float32Array {
  switch (dtype) {
    case 'F32':
      return data as Float32Array;
    case 'BF16':
      return bf16ToFloat32(data as Uint16Array);
    case 'F16':
      return f16ToFloat32(data as Uint16Array);
    case 'F64':
      return Float32Array.from(data as Float64Array);
    default:
      throw new TypeError(`a tensor of dtype ${dtype} does not hold floating-point numbers`);
  }
}

/**
 * A stored tensor on the current backend: float32 from floating-point types, int32 from integers, bool from BOOL.
 *
 * @throws RangeError where an integer does not fit into 32 bits.
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
    if (value !== (value | 0)) throw new RangeError(`the integer ${element} does not fit into int32`);
    return value;
  });
}
