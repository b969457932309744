import * as tf from '@tensorflow/tfjs';

/**
 * The sum runs the other way. TF.js transposes the result once more where the axis is not the last: an error, or, where
 * the transposed shape happens to be equal, wrong numbers.
 */
export const cumsumGradient: tf.GradConfig = {
  kernelName: 'Cumsum',
  gradFunc: (dy, _saved, attributes) => {
    const { axis, exclusive, reverse } = attributes as { axis: number; exclusive: boolean; reverse: boolean };
    return { x: () => tf.cumsum(dy as tf.Tensor, axis, exclusive, !reverse) };
  },
};
