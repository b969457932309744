import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

/** What a backend may have that keeps tensors in this machine's memory. */
interface HostBackend {
  borrow?(values: Float32Array, shape: number[]): tf.TensorInfo;
}

/**
 * A tensor over memory of the caller's, shared memory for one, without a copy where the backend computes in this machine's
 * memory; elsewhere a copy of what it holds now. What is written there later is or is not in the tensor, so dispose it
 * before. It outlives no `tf.tidy` unless it is kept.
 *
 * @param values row-major, as many as the shape has
 * @throws ArgumentError where there are more or fewer
 */
export function tensorOver(values: Float32Array, shape: readonly number[]): tf.Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  expectThat(
    values.length === size,
    'values',
    `${size}, as many as the shape (${shape.join(', ')}) has`,
    values.length,
  );
  const backend = tf.backend() as HostBackend;
  if (!backend.borrow) return tf.tensor(values, [...shape], 'float32');
  return tf.engine().makeTensorFromTensorInfo(backend.borrow(values, [...shape]));
}
