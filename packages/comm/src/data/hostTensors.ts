import * as tf from '@tensorflow/tfjs';

import { allocate } from './dtypes.js';

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

// Memory for a tensor that was never asked for goes back to its backend when the work is collected.
const unclaimed = new FinalizationRegistry<() => void>((release) => release());

export interface TensorMemory {
  readonly array: TensorArray;
  /** A tensor over `array`, in the current tidy scope; once. */
  toTensor(): tf.Tensor;
  release(): void;
}

/** Memory that becomes a tensor once it is filled. Not a tensor before: no tidy scope may free it meanwhile. */
export function allocateElements(shape: readonly number[], dtype: 'float32' | 'int32'): TensorMemory {
  const backend = hostBackend();
  if (backend === undefined) {
    const array = allocate(dtype, tf.util.sizeFromShape(shape as number[])) as TensorArray;
    return { array, toTensor: () => tf.tensor(array, shape as number[], dtype), release: () => undefined };
  }
  const home = tf.backend();
  const info = backend.output(shape, dtype);
  let owned = true;
  const release = () => {
    if (owned) backend.disposeData(info.dataId);
    owned = false;
  };
  const memory: TensorMemory = {
    array: backend.values(info),
    toTensor: () => {
      owned = false;
      return tf.engine().makeTensorFromTensorInfo(info, home);
    },
    release,
  };
  unclaimed.register(memory, release);
  return memory;
}
