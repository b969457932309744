import * as tf from '@tensorflow/tfjs';

import { pendingTensor, type PendingTensor } from './pendingTensor.js';

/** Tensors in memory of a device that an engine reads and writes by itself: of tensorflow on a GPU. */
export interface DeviceMemory {
  /** Where a float32 tensor is on the device; waits until what computes it has done so. */
  address(this: void, tensor: tf.TensorInfo): number;
  /** A float32 tensor, of zeros or with elements that are not set. */
  output(this: void, shape: readonly number[], isZero: boolean): tf.TensorInfo;
  disposeData(this: void, dataId: tf.DataId): boolean;
}

/** The device's memory with the tensors of the current backend, where they lie in such. */
export function deviceMemory(): DeviceMemory | undefined {
  return (tf.backend() as { deviceMemory?: DeviceMemory }).deviceMemory;
}

/** A tensor on the device, which stays alive until `release`. */
export function borrowOnDevice(memory: DeviceMemory, tensor: tf.Tensor): { address: number; release: () => void } {
  // A clone of our own: the caller may dispose the tensor, or leave its tidy scope, while the data is on its way.
  const clone = tf.keep(tensor.clone());
  return { address: memory.address(clone), release: () => clone.dispose() };
}

/** Memory on the device for a result. */
export function outputOnDevice(
  memory: DeviceMemory,
  shape: readonly number[],
  { isPadded = false } = {},
): PendingTensor & { readonly address: number } {
  const info = memory.output(shape, isPadded);
  return pendingTensor({ address: memory.address(info) }, info, memory);
}
