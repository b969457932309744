import * as tf from '@tensorflow/tfjs';

import { allocate } from './dtypes.js';
import { pendingTensor, type PendingTensor } from './pendingTensor.js';

type TensorArray = Float32Array | Int32Array;

/** A backend whose tensors live in host memory that others may read and write: scmoe, and tensorflow on a CPU. */
interface HostBackend {
  values(tensor: tf.TensorInfo): TensorArray;
  /** The same, which stays as long as the tensor, where `values` may not. */
  valuesToHold?(tensor: tf.TensorInfo): TensorArray;
  output(shape: readonly number[], dtype: 'float32' | 'int32'): tf.TensorInfo;
  disposeData(dataId: tf.DataId): boolean;
}

/** The memory of the current backend's tensors, where it is the host's: the backend itself says it, or has it as `hostMemory`. */
function hostBackend(): HostBackend | undefined {
  const backend = tf.backend() as Partial<HostBackend> & { hostMemory?: HostBackend };
  return backend.values && backend.output ? (backend as HostBackend) : backend.hostMemory;
}

/** The elements of a tensor, which stays alive until `release`. Without a copy where the backend allows it. */
export function borrowElements(tensor: tf.Tensor): { array: TensorArray; release: () => void } {
  const backend = hostBackend();
  const home = tf.engine().state.tensorInfo.get(tensor.dataId)?.backend as unknown;
  if (backend === undefined || home !== tf.backend()) {
    return { array: tensor.dataSync<'float32'>(), release: () => undefined };
  }
  // A clone of our own: the caller may dispose the tensor, or leave its tidy scope, while the data is on its way.
  const clone = tf.keep(tensor.clone());
  const array = backend.valuesToHold?.(clone) ?? backend.values(clone);
  return { array, release: () => clone.dispose() };
}

/** Host memory for a result. */
export function allocateElements(
  shape: readonly number[],
  dtype: 'float32' | 'int32',
): PendingTensor & { readonly array: TensorArray } {
  const backend = hostBackend();
  if (backend === undefined) {
    const array = allocate(dtype, tf.util.sizeFromShape(shape as number[])) as TensorArray;
    return { array, toTensor: () => tf.tensor(array, shape as number[], dtype), release: () => undefined };
  }
  const info = backend.output(shape, dtype);
  const disposeData = (dataId: tf.DataId) => backend.disposeData(dataId);
  return pendingTensor({ array: backend.values(info) }, info, { disposeData });
}
