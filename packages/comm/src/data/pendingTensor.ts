import * as tf from '@tensorflow/tfjs';

/** Memory of the current backend that becomes a tensor once it is filled. Not one before: no tidy scope may free it meanwhile. */
export interface PendingTensor {
  /** The tensor, in the current tidy scope; once. */
  readonly toTensor: () => tf.Tensor;
  /** Gives the memory back where it has not become a tensor. */
  readonly release: () => void;
}

// Memory for a tensor that nobody can ask for any more goes back to its backend: whoever may still ask has `toTensor`.
const unclaimed = new FinalizationRegistry<() => void>((release) => release());

/** Memory that a backend has given, with what is known of where it is. */
export function pendingTensor<Place extends object>(
  place: Place,
  info: tf.TensorInfo,
  { disposeData }: { disposeData: (dataId: tf.DataId) => boolean },
): Place & PendingTensor {
  const home = tf.backend();
  let owned = true;
  const release = () => {
    if (owned) disposeData(info.dataId);
    owned = false;
  };
  const toTensor = () => {
    owned = false;
    return tf.engine().makeTensorFromTensorInfo(info, home);
  };
  unclaimed.register(toTensor, release);
  return { ...place, toTensor, release };
}
