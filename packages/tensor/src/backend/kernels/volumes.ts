import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { isFloat, sameShape } from './dtypes.js';
import { standardKernel } from './standardKernel.js';
import type { Window } from './windowOf.js';

type Steps = number | [number, number, number];
type Shape5 = [number, number, number, number, number];

/** Sizes by which the addon knows how a filter slides over volumes (native/cpu/window.h). */
interface VolumeWindow extends Window {
  inDepth: number;
  outDepth: number;
  filterDepth: number;
  strideDepth: number;
  dilationDepth: number;
  front: number;
}

/** Sizes for the addon; undefined for what is left to the JavaScript kernel: a filter larger than the padded volume, windows beside it. */
function windowOf(info: tf.backend_util.Conv3DInfo): VolumeWindow | undefined {
  const { padInfo, inDepth, inHeight, inWidth } = info;
  const filter = [info.effectiveFilterDepth, info.effectiveFilterHeight, info.effectiveFilterWidth];
  const margins = [
    [padInfo.front, padInfo.back],
    [padInfo.top, padInfo.bottom],
    [padInfo.left, padInfo.right],
  ] as const;
  const fits = [inDepth, inHeight, inWidth].every((size, d) => {
    const [before, after] = margins[d]!;
    return filter[d]! <= size + before + after && Math.max(before, after) < filter[d]!;
  });
  if (!fits || info.dataFormat !== 'channelsLast') return undefined;
  return {
    ...{ batch: info.batchSize, inDepth, inHeight, inWidth, channels: info.inChannels },
    ...{ outDepth: info.outDepth, outHeight: info.outHeight, outWidth: info.outWidth },
    ...{ filterDepth: info.filterDepth, filterHeight: info.filterHeight, filterWidth: info.filterWidth },
    ...{ strideDepth: info.strideDepth, strideHeight: info.strideHeight, strideWidth: info.strideWidth },
    ...{ dilationDepth: info.dilationDepth, dilationHeight: info.dilationHeight, dilationWidth: info.dilationWidth },
    ...{ front: padInfo.front, top: padInfo.top, left: padInfo.left },
  };
}

interface ConvolutionAttributes {
  strides: Steps;
  pad: 'valid' | 'same';
  dilations?: Steps;
}

/** Sizes of a convolution; the gradients' kernels don't look at dilations. */
function convolutionOf(
  inputShape: readonly number[],
  filterShape: readonly number[],
  { strides, pad }: ConvolutionAttributes,
  dilations: Steps,
) {
  if (inputShape.length !== 5 || filterShape.length !== 5 || inputShape[4] !== filterShape[3]) return undefined;
  const shapes = [inputShape as Shape5, filterShape as Shape5] as const;
  const info = tf.backend_util.computeConv3DInfo(...shapes, strides, dilations, pad);
  const window = windowOf(info);
  return window && { sizes: { ...window, outChannels: info.outChannels }, outShape: info.outShape };
}

const forward = standardKernel<{ x: tf.TensorInfo; filter: tf.TensorInfo }, ConvolutionAttributes>(
  'Conv3D',
  (backend, { x, filter }, attributes) => {
    if (!isFloat(x) || !isFloat(filter)) return undefined;
    const convolution = convolutionOf(x.shape, filter.shape, attributes, attributes.dilations ?? 1);
    if (!convolution) return undefined;
    const out = backend.output(convolution.outShape);
    const operands = { x: backend.floats(x), filter: backend.floats(filter), y: backend.floats(out) };
    loadAddon().convolution3dForward({ ...convolution.sizes, ...operands });
    return out;
  },
);

const backwardFilter = standardKernel<
  { x: tf.TensorInfo; dy: tf.TensorInfo },
  ConvolutionAttributes & { filterShape: number[] }
>('Conv3DBackpropFilterV2', (backend, { x, dy }, { filterShape, ...attributes }) => {
  if (!isFloat(x) || !isFloat(dy)) return undefined;
  const convolution = convolutionOf(x.shape, filterShape, attributes, 1);
  if (!convolution || !sameShape(convolution.outShape, dy.shape)) return undefined;
  const out = backend.output(filterShape);
  const operands = { x: backend.floats(x), dy: backend.floats(dy), dFilter: backend.floats(out) };
  loadAddon().convolution3dBackwardFilter({ ...convolution.sizes, ...operands });
  return out;
});

const backwardInput = standardKernel<
  { dy: tf.TensorInfo; filter: tf.TensorInfo },
  ConvolutionAttributes & { inputShape: number[] }
>('Conv3DBackpropInputV2', (backend, { dy, filter }, { inputShape, ...attributes }) => {
  if (!isFloat(dy) || !isFloat(filter)) return undefined;
  const convolution = convolutionOf(inputShape, filter.shape, attributes, 1);
  if (!convolution || !sameShape(convolution.outShape, dy.shape)) return undefined;
  const out = backend.output(inputShape);
  const operands = { dy: backend.floats(dy), filter: backend.floats(filter), dx: backend.floats(out) };
  loadAddon().convolution3dBackwardInput({ ...convolution.sizes, ...operands });
  return out;
});

interface PoolAttributes {
  filterSize: Steps;
  strides: Steps;
  pad: 'valid' | 'same' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dataFormat?: 'NDHWC' | 'NCDHW';
}

function poolingOf(shape: readonly number[], attributes: PoolAttributes) {
  const { filterSize, strides, pad, dimRoundingMode, dataFormat } = attributes;
  if (shape.length !== 5) return undefined;
  const given = [shape as Shape5, filterSize, strides] as const;
  const info = tf.backend_util.computePool3DInfo(...given, 1, pad, dimRoundingMode, dataFormat);
  const sizes = windowOf(info);
  return sizes && { sizes, outShape: info.outShape };
}

const pool = (kernelName: 'MaxPool3D' | 'AvgPool3D') =>
  standardKernel<{ x: tf.TensorInfo }, PoolAttributes>(kernelName, (backend, { x }, attributes) => {
    const pooling = isFloat(x) ? poolingOf(x.shape, attributes) : undefined;
    if (!pooling) return undefined;
    const out = backend.output(pooling.outShape);
    const run = kernelName === 'MaxPool3D' ? loadAddon().maxPool3d : loadAddon().averagePool3d;
    run({ ...pooling.sizes, x: backend.floats(x), y: backend.floats(out) });
    return out;
  });

/** Gradients. TF.js's own kernel for the largest values loses its place in windows that are wider than high, or higher than wide. */
const poolBackward = (kernelName: 'MaxPool3DGrad' | 'AvgPool3DGrad') =>
  standardKernel<{ dy: tf.TensorInfo; input: tf.TensorInfo }, PoolAttributes>(
    kernelName,
    (backend, { dy, input }, { dataFormat, ...attributes }) => {
      // TF.js's kernels take no notice of the format here, nor does the gradient hand it on.
      void dataFormat;
      const pooling = isFloat(input) && isFloat(dy) ? poolingOf(input.shape, attributes) : undefined;
      if (!pooling || !sameShape(pooling.outShape, dy.shape)) return undefined;
      const out = backend.output(input.shape);
      const operands = { ...pooling.sizes, dy: backend.floats(dy), dx: backend.floats(out) };
      if (kernelName === 'AvgPool3DGrad') loadAddon().averagePool3dBackward(operands);
      else loadAddon().maxPool3dBackward({ ...operands, x: backend.floats(input) });
      return out;
    },
  );

/** Convolutions and pooling of volumes (batch, depth, height, width, channels), and their gradients. */
export const volumeKernels: tf.KernelConfig[] = [
  forward,
  backwardFilter,
  backwardInput,
  pool('MaxPool3D'),
  pool('AvgPool3D'),
  poolBackward('MaxPool3DGrad'),
  poolBackward('AvgPool3DGrad'),
];
