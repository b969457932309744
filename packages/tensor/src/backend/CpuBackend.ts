import * as tf from '@tensorflow/tfjs';

/** What backend `cpu` keeps of a tensor. Complex numbers are two tensors and have no values of their own. */
interface TensorData {
  values: tf.backend_util.BackendValues | undefined;
  dtype: tf.DataType;
  refCount: number;
  complexTensorInfos?: { real: tf.TensorInfo; imag: tf.TensorInfo };
}

/** TF.js's own backend `cpu`, as far as we build on it. */
interface CpuBackend extends tf.KernelBackend {
  data: tf.DataStorage<TensorData>;
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: tf.backend_util.BackendValues): tf.TensorInfo;
}

/**
 * Class of TF.js's own backend `cpu`, taken from the backend that is registered: importing tfjs-backend-cpu registers all
 * of its kernels once more, with a warning for each, where another copy of it has come with TF.js.
 */
export const CpuBackend = (tf.findBackendFactory('cpu')?.().constructor ?? tf.KernelBackend) as new () => CpuBackend;
