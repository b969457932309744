import * as tf from '@tensorflow/tfjs';

import { attribute } from '../../binding/Attribute.js';
import { kernel, type Inputs } from '../kernel.js';
import type { TensorFlowBackend } from '../TensorFlowBackend.js';
import { castTo } from './castTo.js';
import { activate } from './products.js';
import {
  asManyAs,
  channelsLast,
  dilated,
  inFormat,
  undilated,
  windowAttributes,
  windowsOf,
  withoutDilation,
  type Windows,
} from './windows.js';

const { computeConv2DInfo, computeConv3DInfo, convertConv2DDataFormat } = tf.backend_util;
type Shape4D = [number, number, number, number];
type Shape5D = [number, number, number, number, number];
type Format = 'NHWC' | 'NCHW' | undefined;

interface Geometry {
  strides: [number, number] | number;
  pad: tf.Conv2DAttrs['pad'];
  dataFormat?: Format;
  /** Null is 1, as in TF.js. */
  dilations?: [number, number] | number | null;
  dimRoundingMode?: tf.Conv2DAttrs['dimRoundingMode'];
}

/** Convolutions in two and three dimensions, their gradients, and those with bias and activation. */
export const convolutionKernels: tf.KernelConfig[] = [
  kernel<Inputs<'x' | 'filter'>, tf.Conv2DAttrs>('Conv2D', (backend, { x, filter }, attributes) =>
    convolution(backend, x, filter, attributes, false),
  ),
  kernel<Inputs<'x' | 'filter'>, tf.DepthwiseConv2dNativeAttrs>(
    'DepthwiseConv2dNative',
    (backend, { x, filter }, attributes) => convolution(backend, x, filter, attributes, true),
  ),
  ...[false, true].map((isDepthwise) =>
    kernel<tf.FusedConv2DInputs, tf.FusedConv2DAttrs>(
      isDepthwise ? 'FusedDepthwiseConv2D' : 'FusedConv2D',
      (backend, { x, filter, bias, preluActivationWeights }, { activation, leakyreluAlpha, ...attributes }) => {
        const y = convolution(backend, x, filter, attributes, isDepthwise);
        const perChannel = (weights: tf.TensorInfo | undefined) =>
          weights && forChannels(backend, weights, attributes.dataFormat);
        const sum = bias == null ? y : backend.run('AddV2', [y, perChannel(bias)!]);
        return activate(backend, sum, activation, { prelu: perChannel(preluActivationWeights), leakyreluAlpha });
      },
    ),
  ),
  kernel<Inputs<'x' | 'dy'>, tf.Conv2DBackpropFilterAttrs>(
    'Conv2DBackpropFilter',
    (backend, { x, dy }, { filterShape, ...geometry }) => {
      const [images, gradient] = [x, dy].map((one) => channelsLast(backend, one, geometry.dataFormat));
      const windows = asManyAs(windows2D(x.shape, filterShape, geometry, false), gradient!.shape.slice(1, 3));
      const run = product(backend, 'Conv2DBackpropFilter', windowAttributes(windows));
      return run(images!, backend.ints(filterShape), gradient!);
    },
  ),
  kernel<Inputs<'dy' | 'filter'>, tf.Conv2DBackpropInputAttrs>(
    'Conv2DBackpropInput',
    (backend, { dy, filter }, { inputShape, ...geometry }) => {
      const gradient = channelsLast(backend, dy, geometry.dataFormat);
      const windows = asManyAs(windows2D(inputShape, filter.shape, geometry, false), gradient.shape.slice(1, 3));
      const run = product(backend, 'Conv2DBackpropInput', windowAttributes(windows));
      const shape = [inputShape[0], ...windows.inSizes, filter.shape[2]!];
      return inFormat(backend, run(backend.ints(shape), filter, gradient), geometry.dataFormat);
    },
  ),
  kernel<Inputs<'x' | 'dy'>, tf.DepthwiseConv2dNativeBackpropFilterAttrs>(
    'DepthwiseConv2dNativeBackpropFilter',
    (backend, { x, dy }, { filterShape, ...geometry }) => {
      const windows = asManyAs(windows2D(x.shape, filterShape, geometry, true), dy.shape.slice(1, 3));
      const spread = withoutDilation(windows);
      const run = product(backend, 'DepthwiseConv2dNativeBackpropFilter', windowAttributes(spread));
      const gradient = run(x, backend.ints([...spread.sizes, ...filterShape.slice(2)]), dy);
      return undilated(backend, gradient, windows);
    },
  ),
  kernel<Inputs<'dy' | 'filter'>, tf.DepthwiseConv2dNativeBackpropInputAttrs>(
    'DepthwiseConv2dNativeBackpropInput',
    (backend, { dy, filter }, { inputShape, ...geometry }) => {
      const windows = asManyAs(windows2D(inputShape, filter.shape, geometry, true), dy.shape.slice(1, 3));
      const spread = dilated(backend, filter, windows);
      const run = product(backend, 'DepthwiseConv2dNativeBackpropInput', windowAttributes(spread.windows));
      return run(backend.ints(inputShape), spread.filter, dy);
    },
  ),
  kernel<Inputs<'x' | 'filter'>, tf.Conv3DAttrs>('Conv3D', (backend, { x, filter }, attributes) => {
    const spread = dilated(backend, filter, windows3D(x.shape, filter.shape, attributes));
    const volumes = channelsLast(backend, x, attributes.dataFormat);
    const y = product(backend, 'Conv3D', windowAttributes(spread.windows))(volumes, spread.filter);
    return inFormat(backend, y, attributes.dataFormat);
  }),
  kernel<Inputs<'x' | 'dy'>, tf.Conv3DBackpropFilterV2Attrs>(
    'Conv3DBackpropFilterV2',
    (backend, { x, dy }, { filterShape, ...geometry }) => {
      const windows = windows3D(x.shape, filterShape, geometry);
      return product(backend, 'Conv3DBackpropFilterV2', windowAttributes(windows))(x, backend.ints(filterShape), dy);
    },
  ),
  kernel<Inputs<'dy' | 'filter'>, tf.Conv3DBackpropInputV2Attrs>(
    'Conv3DBackpropInputV2',
    (backend, { dy, filter }, { inputShape, ...geometry }) => {
      const windows = windows3D(inputShape, filter.shape, geometry);
      return product(backend, 'Conv3DBackpropInputV2', windowAttributes(windows))(backend.ints(inputShape), filter, dy);
    },
  ),
];

function convolution(
  backend: TensorFlowBackend,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  geometry: Geometry,
  isDepthwise: boolean,
): tf.TensorInfo {
  const windows = windows2D(x.shape, filter.shape, geometry, isDepthwise);
  const images = channelsLast(backend, x, geometry.dataFormat);
  let y: tf.TensorInfo;
  if (isDepthwise) {
    const spread = dilated(backend, filter, windows);
    y = product(backend, 'DepthwiseConv2dNative', windowAttributes(spread.windows))(images, spread.filter);
  } else {
    const dilations = attribute.ints([1, ...windows.dilations, 1]);
    y = product(backend, 'Conv2D', { ...windowAttributes(windows), dilations })(images, filter);
  }
  return inFormat(backend, y, geometry.dataFormat);
}

function windows2D(
  inShape: readonly number[],
  filterShape: readonly number[],
  { strides, pad, dataFormat = 'NHWC', dilations, dimRoundingMode }: Geometry,
  isDepthwise: boolean,
): Windows {
  const format = convertConv2DDataFormat(dataFormat);
  const shapes = [inShape as Shape4D, filterShape as Shape4D] as const;
  return windowsOf(computeConv2DInfo(...shapes, strides, dilations ?? 1, pad, dimRoundingMode, isDepthwise, format));
}

function windows3D(
  inShape: readonly number[],
  filterShape: readonly number[],
  { strides, pad, dilations = 1, dataFormat }: Pick<tf.Conv3DAttrs, 'strides' | 'pad'> & Partial<tf.Conv3DAttrs>,
): Windows {
  const format = dataFormat === 'NCDHW' ? 'channelsFirst' : 'channelsLast';
  const shapes = [inShape as Shape5D, filterShape as Shape5D] as const;
  return windowsOf(computeConv3DInfo(...shapes, strides, dilations, pad, false, format));
}

/** Weights for each channel, or of the images' shape, as they broadcast over images of the format. */
function forChannels(backend: TensorFlowBackend, weights: tf.TensorInfo, dataFormat: Format): tf.TensorInfo {
  const isVector = weights.shape.length === 1 && weights.shape[0] !== 1;
  if (dataFormat !== 'NCHW' || !isVector) return weights;
  return backend.run('Reshape', [weights, backend.ints([weights.shape[0]!, 1, 1])]);
}

/** Runs an operation on tensors, and shapes, its tensors rounded to bf16 where the backend is told to. */
function product(backend: TensorFlowBackend, operation: string, attributes: ReturnType<typeof windowAttributes>) {
  return (...inputs: (tf.TensorInfo | number)[]): tf.TensorInfo => {
    const isFloat = inputs.every((input) => typeof input === 'number' || input.dtype === 'float32');
    if (backend.products === 'float32' || !isFloat) return backend.run(operation, inputs, attributes);
    const rounded = inputs.map((input) => (typeof input === 'number' ? input : castTo(backend, input, 'bfloat16')));
    return castTo(backend, backend.run(operation, rounded, attributes), 'float32');
  };
}
