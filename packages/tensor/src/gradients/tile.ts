import * as tf from '@tensorflow/tfjs';

/**
 * Sums the copies, one axis after another. TF.js adds one slice per copy, which makes thousands of kernel calls where a
 * vector is tiled over a batch, and stops at rank 4.
 */
export const tileGradient: tf.GradConfig = {
  kernelName: 'Tile',
  inputsToSave: ['x'],
  gradFunc: (dy, [x], attributes) => {
    const { reps } = attributes as unknown as { reps: number[] };
    return { x: () => sumCopies(dy as tf.Tensor, x!.shape, reps) };
  },
};

function sumCopies(dy: tf.Tensor, shape: number[], reps: number[]): tf.Tensor {
  if (dy.size === 0) return tf.zeros(shape);
  let sum = dy;
  let outer = 1;
  shape.forEach((size, axis) => {
    // (outer, copies, the rest): what lies before this axis is already summed.
    if (reps[axis] !== 1) sum = sum.reshape([outer, reps[axis]!, -1]).sum(1);
    outer *= size;
  });
  return sum.reshape(shape);
}
