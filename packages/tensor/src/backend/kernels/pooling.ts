import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { isFloat, sameShape } from './dtypes.js';
import { standardKernel } from './standardKernel.js';
import { windowOf, type Window } from './windowOf.js';

type Steps = number | [number, number];

interface Attributes {
  filterSize: Steps;
  strides: Steps;
  pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

interface Pooling {
  window: Window;
  outShape: number[];
}

/** Sizes of a pooling; undefined for what is left to the JavaScript kernel: a window of one pixel is there, too, which copies nothing. */
function poolingOf(shape: readonly number[], attributes: Attributes): Pooling | undefined {
  const { filterSize, strides, pad, dimRoundingMode } = attributes;
  if (shape.length !== 4) return undefined;
  const given = [shape as [number, number, number, number], filterSize, strides] as const;
  const info = tf.backend_util.computePool2DInfo(...given, 1, pad, dimRoundingMode);
  if (info.filterHeight === 1 && info.filterWidth === 1) return undefined;
  const window = windowOf(info);
  return window && { window, outShape: info.outShape };
}

const forward = (kernelName: 'MaxPool' | 'AvgPool') =>
  standardKernel<{ x: tf.TensorInfo }, Attributes>(kernelName, (backend, { x }, attributes) => {
    const pooling = isFloat(x) ? poolingOf(x.shape, attributes) : undefined;
    if (!pooling) return undefined;
    const out = backend.output(pooling.outShape);
    const args = Object.assign(pooling.window, { x: backend.floats(x), y: backend.floats(out) });
    if (kernelName === 'MaxPool') loadAddon().maxPool(args);
    else loadAddon().averagePool(args);
    return out;
  });

const backward = (kernelName: 'MaxPoolGrad' | 'AvgPoolGrad') =>
  standardKernel<{ dy: tf.TensorInfo; input: tf.TensorInfo }, Attributes>(
    kernelName,
    (backend, { dy, input }, attributes) => {
      const pooling = isFloat(input) && isFloat(dy) ? poolingOf(input.shape, attributes) : undefined;
      if (!pooling || !sameShape(pooling.outShape, dy.shape)) return undefined;
      const out = backend.output(input.shape);
      const args = Object.assign(pooling.window, { dy: backend.floats(dy), dx: backend.floats(out) });
      if (kernelName === 'MaxPoolGrad') loadAddon().maxPoolBackward({ ...args, x: backend.floats(input) });
      else loadAddon().averagePoolBackward(args);
      return out;
    },
  );

/** Pooling of pictures (batch, height, width, channels), and its gradients. */
export const poolingKernels: tf.KernelConfig[] = [
  forward('MaxPool'),
  forward('AvgPool'),
  backward('MaxPoolGrad'),
  backward('AvgPoolGrad'),
];
