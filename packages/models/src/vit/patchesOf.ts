import * as tf from '@tensorflow/tfjs';

/**
 * Cuts images (B, H, W, C) into square patches, row by row: (B, H/p * W/p, C * p * p). A patch holds its channels one
 * after the other, as the weights (C, p, p) of the convolution that other implementations use lie in memory.
 */
export function patchesOf(pixels: tf.Tensor4D, patchSize: number): tf.Tensor3D {
  const [batch, height, width, channels] = pixels.shape;
  const [rows, columns] = [height / patchSize, width / patchSize];
  const cut = tf.reshape(pixels, [batch * rows, patchSize, columns, patchSize, channels]);
  const patches = tf.transpose(cut, [0, 2, 4, 1, 3]);
  return tf.reshape(patches, [batch, rows * columns, channels * patchSize * patchSize]);
}
