import * as tf from '@tensorflow/tfjs';

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

// Memory for a tensor that was never asked for goes back to its backend when the work is collected.
const unclaimed = new FinalizationRegistry<() => void>((release) => release());

/** Memory on the device that becomes a tensor once it is filled. */
export interface OutputOnDevice {
  readonly address: number;
  /** The tensor, in the current tidy scope; once. */
  toTensor(): tf.Tensor;
  release(): void;
}

/** Memory on the device for a result. Not a tensor before it is filled: no tidy scope may free it meanwhile. */
export function outputOnDevice(
  memory: DeviceMemory,
  shape: readonly number[],
  { isPadded = false } = {},
): OutputOnDevice {
  const home = tf.backend();
  const info = memory.output(shape, isPadded);
  let owned = true;
  const release = () => {
    if (owned) memory.disposeData(info.dataId);
    owned = false;
  };
  const output: OutputOnDevice = {
    address: memory.address(info),
    toTensor: () => {
      owned = false;
      return tf.engine().makeTensorFromTensorInfo(info, home);
    },
    release,
  };
  unclaimed.register(output, release);
  return output;
}
