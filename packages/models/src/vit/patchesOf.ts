import * as tf from '@tensorflow/tfjs';

import { windowsOf } from './windowsOf.js';

/**
 * Cuts images (B, H, W, C) into square patches of side p, row by row: (B, H/s * W/s, C * p * p). A patch holds its channels
 * one after the other, as the weights (C, p, p) of the convolution that other implementations use lie in memory.
 *
 * @param stride s, pixels from one patch to the next. Where it is less than p, patches overlap: what a convolution with a
 *   padding of (p - s) / 2 zeros multiplies.
 */
export function patchesOf(pixels: tf.Tensor4D, patchSize: number, stride = patchSize): tf.Tensor3D {
  const [batch, height, width, channels] = pixels.shape;
  const [rows, columns] = [height / stride, width / stride];
  const windows = windowsOf(pixels, patchSize, stride);
  const cut = tf.reshape(windows, [batch * rows, patchSize, columns, patchSize, channels]);
  const patches = tf.transpose(cut, [0, 2, 4, 1, 3]);
  return tf.reshape(patches, [batch, rows * columns, channels * patchSize * patchSize]);
}
