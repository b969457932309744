import * as tf from '@tensorflow/tfjs';

import { attribute, type Attributes } from '../../binding/Attribute.js';
import { kernel, type Inputs } from '../kernel.js';
import type { TensorFlowBackend } from '../TensorFlowBackend.js';
import { castTo } from './castTo.js';
import { padded, isPadded, unpadded, windowAttributes, windowsOf, withinPadding, type Windows } from './windows.js';

interface Resize {
  alignCorners: boolean;
  halfPixelCenters?: boolean;
}

const resizing = ({ alignCorners, halfPixelCenters = false }: Resize): Attributes => ({
  align_corners: alignCorners,
  half_pixel_centers: halfPixelCenters,
});

/** Images in other sizes and places, (images, rows, columns, channels), and morphology. */
export const imageKernels: tf.KernelConfig[] = [
  ...['ResizeBilinear', 'ResizeNearestNeighbor'].map((name) =>
    kernel<Inputs<'images'>, Resize & { size: [number, number] }>(
      name,
      (backend, { images }, { size, ...attributes }) =>
        backend.run(name, [images, backend.ints(size)], resizing(attributes)),
    ),
  ),
  kernel<Inputs<'images' | 'dy'>, Resize>('ResizeBilinearGrad', (backend, { images, dy }, attributes) =>
    backend.run('ResizeBilinearGrad', [dy, images], resizing(attributes)),
  ),
  kernel<Inputs<'images' | 'dy'>, Resize>('ResizeNearestNeighborGrad', (backend, { images, dy }, attributes) => {
    // XLA has not the operation. Sums of rows, then of columns, come to the same: dx = R' dy C for matrices of zeros and ones.
    const chosen = (axis: number) => chosenAlong(backend, images.shape[axis]!, dy.shape[axis]!, attributes);
    const rows = backend.run('Einsum', [[dy, chosen(1)]], { equation: 'bhwc,hr->brwc' });
    return backend.run('Einsum', [[rows, chosen(2)]], { equation: 'bhwc,wr->bhrc' });
  }),
  kernel<Inputs<'image' | 'boxes' | 'boxInd'>, tf.CropAndResizeAttrs>(
    'CropAndResize',
    (backend, { image, boxes, boxInd }, { cropSize, method, extrapolationValue }) =>
      backend.run('CropAndResize', [image, boxes, castTo(backend, boxInd, 'int32'), backend.ints(cropSize)], {
        method,
        extrapolation_value: attribute.float(extrapolationValue),
      }),
  ),
  kernel<Inputs<'image'>>('FlipLeftRight', (backend, { image }) =>
    backend.run('ReverseV2', [image, backend.ints([2])]),
  ),
  kernel<Inputs<'image'>, tf.RotateWithOffsetAttrs>('RotateWithOffset', (backend, { image }, attributes) => {
    const [batch, rows, columns, channels] = image.shape as [number, number, number, number];
    // Which pixel comes where depends on no data. The one behind the last is that of the filling.
    const pixels = backend.run('Reshape', [image, backend.ints([batch, rows * columns, channels])]);
    const filling = backend.fromValues([1, 1, channels], 'float32', fillingOf(attributes.fillValue, channels));
    const last = backend.run('BroadcastTo', [
      castTo(backend, filling, image.dtype),
      backend.ints([batch, 1, channels]),
    ]);
    const all = backend.run('ConcatV2', [[pixels, last], backend.int(1)]);
    const sources = backend.fromValues([rows, columns], 'int32', rotatedPixels(rows, columns, attributes));
    return backend.run('GatherV2', [all, sources, backend.int(1)]);
  }),
  kernel<Inputs<'image' | 'transforms'>, tf.TransformAttrs>(
    'Transform',
    (backend, { image, transforms }, { interpolation, fillMode, fillValue, outputShape }) =>
      backend.run(
        'ImageProjectiveTransformV3',
        [
          image,
          transforms,
          backend.ints(outputShape ?? image.shape.slice(1, 3)),
          backend.constant('float32', [], [fillValue]),
        ],
        { interpolation: interpolation.toUpperCase(), fill_mode: fillMode.toUpperCase() },
      ),
  ),
  kernel<Inputs<'x' | 'filter'>, tf.Dilation2DAttrs>('Dilation2D', (backend, { x, filter }, attributes) => {
    const windows = morphologyWindows(x, filter, attributes);
    const images = isPadded(windows) ? padded(backend, x, windows, -Infinity) : x;
    return backend.run('Dilation2D', [images, filter], morphologyAttributes(windows));
  }),
  ...['Dilation2DBackpropInput', 'Dilation2DBackpropFilter'].map((name) =>
    kernel<Inputs<'x' | 'filter' | 'dy'>, tf.Dilation2DAttrs>(name, (backend, { x, filter, dy }, attributes) => {
      const windows = morphologyWindows(x, filter, attributes);
      const images = isPadded(windows) ? padded(backend, x, windows, -Infinity) : x;
      const gradient = backend.run(name, [images, filter, dy], morphologyAttributes(windows));
      const ofInput = name.endsWith('Input') && isPadded(windows);
      return ofInput ? unpadded(backend, gradient, windows) : gradient;
    }),
  ),
];

/** (outSize, inSize): a one where the place of the output is taken from that of the input. */
function chosenAlong(backend: TensorFlowBackend, inSize: number, outSize: number, attributes: Resize): tf.TensorInfo {
  const places = backend.fromValues(
    [1, inSize, 1, 1],
    'float32',
    Float32Array.from({ length: inSize }, (_, i) => i),
  );
  // Numbers resized as a picture: so rounding is that of the resizing itself.
  const taken = backend.run('ResizeNearestNeighbor', [places, backend.ints([outSize, 1])], resizing(attributes));
  const indices = castTo(backend, backend.run('Reshape', [taken, backend.ints([outSize])]), 'int32');
  const [one, zero] = [1, 0].map((value) => backend.constant('float32', [], [value]));
  return backend.run('OneHot', [indices, backend.int(inSize), one!, zero!]);
}

function morphologyWindows(
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  { strides, pad, dilations }: tf.Dilation2DAttrs,
): Windows {
  const shapes = [x.shape as [number, number, number, number], filter.shape as [number, number, number]] as const;
  return windowsOf(tf.backend_util.computeDilation2DInfo(...shapes, strides, pad, 'NHWC', dilations));
}

function morphologyAttributes(windows: Windows): Attributes {
  const rates = attribute.ints([1, ...windows.dilations, 1]);
  return { ...windowAttributes(isPadded(windows) ? withinPadding(windows) : windows), rates };
}

/** One value, or red, green and blue with full opacity. */
function fillingOf(fillValue: number | readonly number[], channels: number): Float32Array {
  const opacity = 255;
  return Float32Array.from({ length: channels }, (_, channel) =>
    typeof fillValue === 'number' ? fillValue : channel === 3 ? opacity : fillValue[channel]!,
  );
}

/** Which pixel of an image comes to each place of the rotated one; rows * columns where none does. */
function rotatedPixels(rows: number, columns: number, { radians, center }: tf.RotateWithOffsetAttrs): Int32Array {
  const [centerX, centerY] = tf.backend_util.getImageCenter(center, rows, columns);
  const [sine, cosine] = [Math.sin(radians), Math.cos(radians)];
  return Int32Array.from({ length: rows * columns }, (_, place) => {
    const [x, y] = [(place % columns) - centerX, Math.floor(place / columns) - centerY];
    const column = Math.round(x * cosine - y * sine + centerX);
    const row = Math.round(x * sine + y * cosine + centerY);
    const isWithin = column >= 0 && column < columns && row >= 0 && row < rows;
    return isWithin ? row * columns + column : rows * columns;
  });
}
