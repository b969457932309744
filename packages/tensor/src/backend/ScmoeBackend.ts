import * as tf from '@tensorflow/tfjs';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';

import { loadAddon } from '../addon/loadAddon.js';
import { BufferPool, type PoolStatistics } from './BufferPool.js';

interface Memory {
  allocate: (bytes: number) => ArrayBuffer;
}

export type NumericArray = Float32Array | Int32Array | Uint8Array;

/** One pool per process: TF.js may create and dispose the backend many times. */
let pool: BufferPool | undefined;

function sharedPool(): BufferPool {
  return (pool ??= new BufferPool((bytes) => loadAddon<Memory>().allocate(bytes)));
}

/**
 * TF.js backend whose tensors live in aligned memory of the native addon. Kernels that a transformer step touches are
 * native; the rest are the JavaScript kernels of tfjs-backend-cpu, which work on the same memory through typed arrays.
 */
export class ScmoeBackend extends MathBackendCPU {
  private readonly pool = sharedPool();

  /** The elements of a tensor, without a copy. Valid until the tensor is disposed: for kernels only. */
  values(tensor: tf.TensorInfo): NumericArray {
    return this.data.get(tensor.dataId).values as NumericArray;
  }

  floats(tensor: tf.TensorInfo): Float32Array {
    return this.values(tensor) as Float32Array;
  }

  ints(tensor: tf.TensorInfo): Int32Array {
    return this.values(tensor) as Int32Array;
  }

  /** A new tensor whose content is undefined until a kernel writes it. */
  output(shape: readonly number[], dtype: 'float32' | 'int32' | 'bool' = 'float32'): tf.TensorInfo {
    const dataId = {};
    const values = this.allocateArray(tf.util.sizeFromShape(shape as number[]), dtype);
    this.data.set(dataId, { values, dtype, refCount: 1 });
    return { dataId, shape: shape as number[], dtype };
  }

  /** Bytes in use and cached by all tensors of this process on this backend. */
  poolStatistics(): PoolStatistics {
    return this.pool.stats();
  }

  override write(values: tf.backend_util.BackendValues, _shape: number[], dtype: tf.DataType): tf.DataId {
    const dataId = {};
    this.store(dataId, values, dtype, 1);
    return dataId;
  }

  override move(
    dataId: tf.DataId,
    values: tf.backend_util.BackendValues,
    _shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    this.store(dataId, values, dtype, refCount);
  }

  override readSync(dataId: tf.DataId): tf.backend_util.BackendValues {
    const values = super.readSync(dataId);
    // A copy: this memory is handed out again when the tensor is disposed, and callers keep what they read.
    return ArrayBuffer.isView(values) ? (values as NumericArray).slice() : values;
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    const values = this.data.has(dataId) ? (this.data.get(dataId).values as unknown) : undefined;
    const disposed = super.disposeData(dataId, force);
    if (disposed && ArrayBuffer.isView(values)) this.pool.release(values.buffer as ArrayBuffer);
    return disposed;
  }

  private store(dataId: tf.DataId, values: tf.backend_util.BackendValues, dtype: tf.DataType, refCount: number): void {
    if (!isNumeric(dtype) || values == null) {
      this.data.set(dataId, { values, dtype, refCount });
      return;
    }
    const source = values as NumericArray;
    const copy = this.allocateArray(source.length, dtype);
    copy.set(source);
    this.data.set(dataId, { values: copy, dtype, refCount });
  }

  private allocateArray(length: number, dtype: 'float32' | 'int32' | 'bool'): NumericArray {
    switch (dtype) {
      case 'float32':
        return new Float32Array(this.pool.acquire(length * 4), 0, length);
      case 'int32':
        return new Int32Array(this.pool.acquire(length * 4), 0, length);
      case 'bool':
        return new Uint8Array(this.pool.acquire(length), 0, length);
    }
  }
}

function isNumeric(dtype: tf.DataType): dtype is 'float32' | 'int32' | 'bool' {
  return dtype === 'float32' || dtype === 'int32' || dtype === 'bool';
}
