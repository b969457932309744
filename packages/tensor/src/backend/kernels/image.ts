import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { runJavaScriptKernel } from '../javascriptKernel.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';
import { isFloat } from './dtypes.js';
import { standardKernel } from './standardKernel.js';

interface ResizeAttributes {
  alignCorners: boolean;
  halfPixelCenters?: boolean;
}

/** Sizes for the addon; undefined for what is left to the JavaScript kernel: empty pictures, and both ways of placing pixels at once. */
function resizeOf(
  inShape: readonly number[],
  [outHeight, outWidth]: readonly [number, number],
  attributes: ResizeAttributes,
) {
  const [batch, inHeight, inWidth, channels] = inShape as [number, number, number, number];
  // Whatever is true in JavaScript, as the kernel there reads it.
  const [alignCorners, halfPixelCenters] = [Boolean(attributes.alignCorners), Boolean(attributes.halfPixelCenters)];
  if (inShape.length !== 4 || (alignCorners && halfPixelCenters)) return undefined;
  return { batch, inHeight, inWidth, channels, outHeight, outWidth, alignCorners, halfPixelCenters };
}

const forward = (kernelName: 'ResizeBilinear' | 'ResizeNearestNeighbor') =>
  standardKernel<{ images: tf.TensorInfo }, ResizeAttributes & { size: [number, number] }>(
    kernelName,
    (backend, { images }, { size, ...attributes }) => {
      const sizes = isFloat(images) ? resizeOf(images.shape, size, attributes) : undefined;
      if (!sizes) return undefined;
      const out = backend.output([sizes.batch, sizes.outHeight, sizes.outWidth, sizes.channels]);
      const run = kernelName === 'ResizeBilinear' ? loadAddon().resizeBilinear : loadAddon().resizeNearest;
      run({ ...sizes, x: backend.floats(images), y: backend.floats(out) });
      return out;
    },
  );

interface GradientInputs {
  images: tf.TensorInfo;
  dy: tf.TensorInfo;
}

/** Gradients of the pictures, with `halfPixelCenters` too, of which TF.js's own kernels take no notice. */
function backward(
  backend: ScmoeBackend,
  { images, dy }: GradientInputs,
  attributes: ResizeAttributes,
  isBilinear: boolean,
): tf.TensorInfo | undefined {
  if (!isFloat(images) || !isFloat(dy) || dy.shape.length !== 4) return undefined;
  if (dy.shape[0] !== images.shape[0] || dy.shape[3] !== images.shape[3]) return undefined;
  const sizes = resizeOf(images.shape, [dy.shape[1]!, dy.shape[2]!], attributes);
  if (!sizes || images.shape.includes(0) || dy.shape.includes(0)) return undefined;
  const out = backend.output(images.shape);
  const run = isBilinear ? loadAddon().resizeBilinearBackward : loadAddon().resizeNearestBackward;
  run({ ...sizes, dy: backend.floats(dy), dx: backend.floats(out) });
  return out;
}

const bilinearBackward = standardKernel<GradientInputs, ResizeAttributes>(
  'ResizeBilinearGrad',
  (backend, inputs, attributes) => {
    const native = backward(backend, inputs, attributes, true);
    if (native || inputs.images.shape.length !== 4) return native;
    // TF.js's own kernel exchanges height and width in the shape that it gives.
    const result = runJavaScriptKernel('ResizeBilinearGrad', backend, inputs, attributes) as tf.TensorInfo;
    return { ...result, shape: inputs.images.shape };
  },
);

const nearestBackward = standardKernel<GradientInputs, ResizeAttributes>(
  'ResizeNearestNeighborGrad',
  (backend, inputs, attributes) => backward(backend, inputs, attributes, false),
);

interface CropAttributes {
  cropSize: number[];
  method: 'bilinear' | 'nearest';
  extrapolationValue: number;
}

const cropAndResize = standardKernel<
  { image: tf.TensorInfo; boxes: tf.TensorInfo; boxInd: tf.TensorInfo },
  CropAttributes
>('CropAndResize', (backend, { image, boxes, boxInd }, { cropSize, method, extrapolationValue }) => {
  if (!isFloat(image) || !isFloat(boxes) || boxInd.dtype !== 'int32') return undefined;
  if (image.shape.length !== 4 || cropSize.length !== 2) return undefined;
  const [batch, height, width, channels] = image.shape as [number, number, number, number];
  const count = boxes.shape[0]!;
  const [cropHeight, cropWidth] = cropSize as [number, number];
  const out = backend.output([count, cropHeight, cropWidth, channels]);
  loadAddon().cropAndResize({
    ...{ batch, height, width, channels, count, cropHeight, cropWidth },
    ...{ isBilinear: method === 'bilinear', outside: extrapolationValue },
    ...{ x: backend.floats(image), boxes: backend.floats(boxes), pictures: backend.ints(boxInd) },
    y: backend.floats(out),
  });
  return out;
});

/** Pictures (batch, height, width, channels) in other sizes. */
export const imageKernels: tf.KernelConfig[] = [
  forward('ResizeBilinear'),
  forward('ResizeNearestNeighbor'),
  bilinearBackward,
  nearestBackward,
  cropAndResize,
];
