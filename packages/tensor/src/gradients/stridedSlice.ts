import * as tf from '@tensorflow/tfjs';

interface Attributes {
  begin: number[];
  end: number[];
  strides: number[];
  beginMask: number;
  endMask: number;
  ellipsisMask: number;
  newAxisMask: number;
  shrinkAxisMask: number;
}

/** Puts dy back at the positions that were taken, with zeros between them. TF.js has no gradient. */
export const stridedSliceGradient: tf.GradConfig = {
  kernelName: 'StridedSlice',
  inputsToSave: ['x'],
  gradFunc: (dy, [x], attributes) => ({
    x: () => unslice(dy as tf.Tensor, x!.shape, attributes as unknown as Attributes),
  }),
};

function unslice(dy: tf.Tensor, shape: number[], attributes: Attributes): tf.Tensor {
  if (dy.size === 0) return tf.zeros(shape);
  const { begin, end, strides } = tf.slice_util.sliceInfo(
    shape,
    attributes.begin,
    attributes.end,
    attributes.strides,
    attributes.beginMask,
    attributes.endMask,
    attributes.ellipsisMask,
    attributes.newAxisMask,
    attributes.shrinkAxisMask,
  );
  const counts = shape.map((_, axis) => Math.ceil((end[axis]! - begin[axis]!) / strides[axis]!));
  let result = dy;
  shape.forEach((size, axis) => {
    const count = counts[axis]!;
    const stride = strides[axis]!;
    if (count === size && stride === 1) return;
    const before = tf.util.sizeFromShape(shape.slice(0, axis));
    const after = tf.util.sizeFromShape(counts.slice(axis + 1));
    const rows = result.reshape<tf.Tensor3D>([before, count, after]);
    result = spread(rows, begin[axis]!, stride, size);
  });
  return result.reshape(shape);
}

/** (before, count, after) to (before, size, after): row i goes to begin + i * stride. */
function spread(rows: tf.Tensor3D, begin: number, stride: number, size: number): tf.Tensor3D {
  const [before, count, after] = rows.shape;
  const step = Math.abs(stride);
  const first = stride > 0 ? begin : begin + (count - 1) * stride;
  const ascending = stride > 0 ? rows : rows.reverse(1);
  const length = (count - 1) * step + 1;
  const spaced = ascending
    .reshape<tf.Tensor3D>([before * count, 1, after])
    .pad([
      [0, 0],
      [0, step - 1],
      [0, 0],
    ])
    .reshape<tf.Tensor3D>([before, count * step, after])
    .slice([0, 0, 0], [before, length, after]);
  return spaced.pad([
    [0, 0],
    [first, size - first - length],
    [0, 0],
  ]);
}
