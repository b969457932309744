import * as tf from '@tensorflow/tfjs';

/** Each chosen value hands its gradient to the place it came from; the indices have none. TF.js has no gradient. */
export const topKGradient: tf.GradConfig = {
  kernelName: 'TopK',
  inputsToSave: ['x'],
  outputsToSave: [false, true],
  gradFunc: (dys, [x, indices]) => {
    const [dValues] = dys as tf.Tensor[];
    return { x: () => scatterRows(dValues!, indices!, x!.shape) };
  },
};

/** Zeros of `shape` (..., n) with `values` (..., k) put where `indices` (..., k) say along the last axis. */
function scatterRows(values: tf.Tensor, indices: tf.Tensor, shape: number[]): tf.Tensor {
  if (values.size === 0) return tf.zeros(shape);
  const n = shape.at(-1)!;
  const k = indices.shape.at(-1)!;
  const size = tf.util.sizeFromShape(shape);
  const rowStarts = tf.range(0, size, n, 'int32').reshape([-1, 1]);
  const places = indices.reshape([-1, k]).add(rowStarts);
  return tf.scatterND(places.reshape([-1, 1]), values.flatten(), [size]).reshape(shape);
}
