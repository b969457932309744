import * as tf from '@tensorflow/tfjs';

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
  const apart = stride === patchSize ? pixels : withoutOverlap(pixels, patchSize, stride);
  const cut = tf.reshape(apart, [batch * rows, patchSize, columns, patchSize, channels]);
  const patches = tf.transpose(cut, [0, 2, 4, 1, 3]);
  return tf.reshape(patches, [batch, rows * columns, channels * patchSize * patchSize]);
}

/** (B, H, W, C) -> (B, H/s * p, W/s * p, C), in which the patches lie side by side. */
function withoutOverlap(pixels: tf.Tensor4D, patchSize: number, stride: number): tf.Tensor4D {
  const [, height, width] = pixels.shape;
  const margin = (patchSize - stride) / 2;
  const padded = tf.pad(pixels, [
    [0, 0],
    [margin, margin],
    [margin, margin],
    [0, 0],
  ]);
  const places = (length: number) =>
    Array.from(
      { length: (length / stride) * patchSize },
      (_, i) => Math.floor(i / patchSize) * stride + (i % patchSize),
    );
  const rows = tf.gather(padded, tf.tensor1d(places(height), 'int32'), 1);
  return tf.gather(rows, tf.tensor1d(places(width), 'int32'), 2);
}
