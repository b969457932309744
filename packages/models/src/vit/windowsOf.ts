import * as tf from '@tensorflow/tfjs';

/**
 * Windows of side k of images (B, H, W, C), a window every s pixels: (B, H/s, k, W/s, k, C), what a convolution multiplies
 * with its filter. At the edges windows reach over k - s zeros in each direction, of which the odd one is before the image:
 * the convolution that PyTorch calls `padding=1` for a k of 3 and an s of 2. Made of slices and joins alone, which are
 * native, and so are their gradients.
 *
 * @param stride s, a divisor of H and W, and at most k
 */
export function windowsOf(images: tf.Tensor4D, size: number, stride: number): tf.Tensor {
  const [batch, height, width, channels] = images.shape;
  const [rows, columns] = [height / stride, width / stride];
  const inRows = windowsAlong(tf.reshape(images, [batch, height, width * channels]), size, stride);
  const inBoth = windowsAlong(tf.reshape(inRows, [batch * rows * size, width, channels]), size, stride);
  return tf.reshape(inBoth, [batch, rows, size, columns, size, channels]);
}

/** (outer, L, inner) -> (outer, L/s, k, inner) */
function windowsAlong(x: tf.Tensor3D, size: number, stride: number): tf.Tensor {
  const [outer, length, inner] = x.shape;
  const count = length / stride;
  // A window is this many whole strides and the beginning of one more.
  const whole = Math.ceil(size / stride) - 1;
  const before = Math.ceil((size - stride) / 2);
  const padded =
    whole === 0
      ? x
      : tf.pad(x, [
          [0, 0],
          [before, whole * stride - before],
          [0, 0],
        ]);
  const strides = tf.reshape(padded, [outer, count + whole, stride, inner]);
  const parts = Array.from({ length: whole + 1 }, (_, part) =>
    tf.slice(strides, [0, part, 0, 0], [outer, count, Math.min(stride, size - part * stride), inner]),
  );
  return tf.concat(parts, 2);
}
