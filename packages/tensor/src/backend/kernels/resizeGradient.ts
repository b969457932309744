import { expectThat } from '@scmoe/errors';
import type * as tf from '@tensorflow/tfjs';

import { runJavaScriptKernel } from '../javascriptKernel.js';
import { kernel } from '../kernel.js';

const kernelName = 'ResizeNearestNeighborGrad';

interface Inputs {
  images: tf.TensorInfo;
  dy: tf.TensorInfo;
}

/**
 * Whether TF.js's kernel ends: it looks at a window of dy for each pixel of the images, whose size follows from how many pixels
 * of dy come on one of them.
 */
export function hasWindows({ images, dy }: Record<keyof Inputs, { shape: number[] }>, alignCorners: boolean): boolean {
  if (images.shape.includes(0)) return true;
  return [1, 2].every((axis) => {
    const [size, resized] = [images.shape[axis]!, dy.shape[axis]!];
    const edge = alignCorners && resized > 1 ? 1 : 0;
    return (resized - edge) / (size - edge) !== Infinity;
  });
}

/** The gradient of resizing to the nearest neighbour: TF.js's own, for arguments for which that ends. */
export const resizeGradientKernels: tf.KernelConfig[] = [
  kernel<Inputs, { alignCorners: boolean }>(kernelName, (backend, inputs, attributes) => {
    const { images, dy } = inputs;
    const got = [images.shape, dy.shape];
    expectThat(
      hasWindows(inputs, attributes.alignCorners),
      kernelName,
      'pixels between which corners can be aligned',
      got,
    );
    return runJavaScriptKernel(kernelName, backend, { images, dy }, attributes);
  }),
];
