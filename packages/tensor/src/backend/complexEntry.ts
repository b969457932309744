import * as tf from '@tensorflow/tfjs';

/**
 * Complex numbers as the kernels here keep them: two tensors, where another backend hands them over as (real, imaginary) pairs.
 *
 * @param part makes a tensor of real or imaginary parts
 */
export function complexEntry(pairs: Float32Array, refCount: number, part: (values: Float32Array) => tf.TensorInfo) {
  const { real, imag } = tf.backend_util.splitRealAndImagArrays(pairs);
  return {
    values: undefined,
    dtype: 'complex64' as const,
    refCount,
    complexTensorInfos: { real: part(real), imag: part(imag) },
  };
}
