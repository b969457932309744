import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';
import { firstOf, isChannelsFirst, lastAttributes, lastShape, onLast } from './channelsFirst.js';
import { isFloat, sameShape } from './dtypes.js';
import { fusedEnd, type FusedAttributes, type FusedEnd, type FusedInputs } from './fusedEnd.js';
import { standardKernel } from './standardKernel.js';
import { windowOf, type Window } from './windowOf.js';

type Shape4 = [number, number, number, number];
type Steps = number | [number, number];
type Padding = 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;

interface Attributes {
  strides: Steps;
  pad: Padding;
  dilations?: Steps;
  dataFormat?: 'NHWC' | 'NCHW';
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

interface Convolution {
  window: Window;
  /** Channels of the output. */
  outChannels: number;
  outShape: number[];
}

/** Sizes of a convolution; undefined for what is left to the JavaScript kernel, which also says what is wrong with shapes that don't fit. */
function convolutionOf(
  inputShape: readonly number[],
  filterShape: readonly number[],
  { strides, pad, dilations, dataFormat, dimRoundingMode }: Attributes,
  isDepthwise: boolean,
): Convolution | undefined {
  if (inputShape.length !== 4 || filterShape.length !== 4 || inputShape[3] !== filterShape[2]) return undefined;
  const info = tf.backend_util.computeConv2DInfo(
    ...([inputShape as Shape4, filterShape as Shape4, strides, dilations ?? 1, pad, dimRoundingMode] as const),
    isDepthwise,
    isDepthwise ? 'channelsLast' : tf.backend_util.convertConv2DDataFormat(dataFormat!),
  );
  if (isDepthwise && !tf.backend_util.eitherStridesOrDilationsAreOne(strides, dilations ?? 1)) return undefined;
  const window = windowOf(info);
  return window && { window, outChannels: info.outChannels, outShape: info.outShape };
}

/**
 * What a gradient's kernel makes of its attributes. TF.js asks for none with dilations: the dense ones don't look at them, and
 * the others are left to JavaScript.
 */
function backwardOf(
  inputShape: readonly number[],
  filterShape: readonly number[],
  attributes: Attributes,
  isDepthwise: boolean,
): Convolution | undefined {
  const given = isDepthwise ? attributes : { ...attributes, dilations: 1 };
  const convolution = convolutionOf(inputShape, filterShape, given, isDepthwise);
  const { dilationHeight = 1, dilationWidth = 1 } = convolution?.window ?? {};
  return dilationHeight * dilationWidth === 1 ? convolution : undefined;
}

interface ForwardInputs {
  x: tf.TensorInfo;
  filter: tf.TensorInfo;
}

const greatestOf: Record<string, number> = { relu: Infinity, relu6: 6 };

/** y, with bias and activation block by block where they are of the kind that the addon has. */
function forward(
  backend: ScmoeBackend,
  { x, filter, bias }: ForwardInputs & FusedInputs,
  attributes: Attributes,
  isDepthwise: boolean,
  end?: FusedEnd,
): tf.TensorInfo | undefined {
  if (!isFloat(x) || !isFloat(filter)) return undefined;
  const convolution = convolutionOf(x.shape, filter.shape, attributes, isDepthwise);
  if (!convolution || end?.fits(convolution.outShape) === false) return undefined;
  const { window, outChannels, outShape } = convolution;
  const perChannel = bias?.shape.at(-1) === outChannels && bias.shape.slice(0, -1).every((size) => size === 1);
  const endsInside = !bias || perChannel;
  const greatest = endsInside && end ? greatestOf[end.activation] : undefined;
  const out = backend.output(outShape);
  const args = Object.assign(window, {
    x: backend.floats(x),
    filter: backend.floats(filter),
    bias: bias && perChannel ? backend.floats(bias) : undefined,
    y: backend.floats(out),
    clamps: greatest !== undefined,
    least: 0,
    greatest: greatest ?? 0,
    outChannels,
    multiplier: filter.shape[3]!,
  });
  if (isDepthwise) loadAddon().depthwiseForward(args);
  else loadAddon().convolutionForward(args);
  if (!endsInside) end!.addBias(backend, out);
  if (greatest === undefined) end?.activate(backend, out);
  return out;
}

/** The same of pictures in either order of their axes; those of each channel by itself have the channels last. */
function eitherForward(
  backend: ScmoeBackend,
  inputs: ForwardInputs & FusedInputs,
  attributes: Attributes,
  isDepthwise: boolean,
  end?: FusedEnd,
): tf.TensorInfo | undefined {
  if (isDepthwise || !isChannelsFirst(attributes)) return forward(backend, inputs, attributes, isDepthwise, end);
  // One for each channel means the same wherever the channels are.
  if ([inputs.bias, inputs.preluActivationWeights].some((each) => each && each.shape.length > 1)) return undefined;
  const y = onLast(backend, [inputs.x], (x) =>
    forward(backend, { ...inputs, x: x }, lastAttributes(attributes), false, end),
  );
  return firstOf(backend, y);
}

function plain(kernelName: string, isDepthwise: boolean): tf.KernelConfig {
  return standardKernel<ForwardInputs, Attributes>(kernelName, (backend, { x, filter }, attributes) =>
    eitherForward(backend, { x, filter }, attributes, isDepthwise),
  );
}

function fused(kernelName: string, isDepthwise: boolean): tf.KernelConfig {
  return standardKernel<ForwardInputs & FusedInputs, Attributes & FusedAttributes>(
    kernelName,
    (backend, inputs, attributes) => {
      const end = fusedEnd(inputs, attributes);
      return end && eitherForward(backend, inputs, attributes, isDepthwise, end);
    },
  );
}

function filterGradient(
  backend: ScmoeBackend,
  { x, dy }: { x: tf.TensorInfo; dy: tf.TensorInfo },
  { filterShape, ...attributes }: Attributes & { filterShape: number[] },
  isDepthwise: boolean,
): tf.TensorInfo | undefined {
  if (!isFloat(x) || !isFloat(dy)) return undefined;
  const convolution = backwardOf(x.shape, filterShape, attributes, isDepthwise);
  if (!convolution || !sameShape(convolution.outShape, dy.shape)) return undefined;
  const { window, outChannels } = convolution;
  const out = backend.output(filterShape);
  const args = Object.assign(window, {
    ...{ x: backend.floats(x), dy: backend.floats(dy), dFilter: backend.floats(out) },
    ...{ outChannels, multiplier: filterShape[3]! },
  });
  if (isDepthwise) loadAddon().depthwiseBackwardFilter(args);
  else loadAddon().convolutionBackwardFilter(args);
  return out;
}

function inputGradient(
  backend: ScmoeBackend,
  { dy, filter }: { dy: tf.TensorInfo; filter: tf.TensorInfo },
  { inputShape, ...attributes }: Attributes & { inputShape: number[] },
  isDepthwise: boolean,
): tf.TensorInfo | undefined {
  if (!isFloat(dy) || !isFloat(filter)) return undefined;
  const convolution = backwardOf(inputShape, filter.shape, attributes, isDepthwise);
  if (!convolution || !sameShape(convolution.outShape, dy.shape)) return undefined;
  const { window, outChannels } = convolution;
  const out = backend.output(inputShape);
  const args = Object.assign(window, {
    ...{ dy: backend.floats(dy), filter: backend.floats(filter), dx: backend.floats(out) },
    ...{ outChannels, multiplier: filter.shape[3]! },
  });
  if (isDepthwise) loadAddon().depthwiseBackwardInput(args);
  else loadAddon().convolutionBackwardInput(args);
  return out;
}

function backwardFilter(kernelName: string, isDepthwise: boolean): tf.KernelConfig {
  return standardKernel<{ x: tf.TensorInfo; dy: tf.TensorInfo }, Attributes & { filterShape: number[] }>(
    kernelName,
    (backend, inputs, attributes) => {
      if (isDepthwise || !isChannelsFirst(attributes)) return filterGradient(backend, inputs, attributes, isDepthwise);
      return onLast(backend, [inputs.x, inputs.dy], (x, dy) =>
        filterGradient(backend, { x: x, dy: dy }, lastAttributes(attributes), false),
      );
    },
  );
}

function backwardInput(kernelName: string, isDepthwise: boolean): tf.KernelConfig {
  return standardKernel<{ dy: tf.TensorInfo; filter: tf.TensorInfo }, Attributes & { inputShape: number[] }>(
    kernelName,
    (backend, inputs, attributes) => {
      if (isDepthwise || !isChannelsFirst(attributes)) return inputGradient(backend, inputs, attributes, isDepthwise);
      if (attributes.inputShape.length !== 4) return undefined;
      const given = { ...lastAttributes(attributes), inputShape: lastShape(attributes.inputShape) };
      const dx = onLast(backend, [inputs.dy], (dy) => inputGradient(backend, { ...inputs, dy: dy }, given, false));
      return firstOf(backend, dx);
    },
  );
}

/** Convolutions of pictures (batch, height, width, channels), or with channels first, their gradients, and those of each channel by itself. */
export const convolutionKernels: tf.KernelConfig[] = [
  plain('Conv2D', false),
  fused('FusedConv2D', false),
  backwardFilter('Conv2DBackpropFilter', false),
  backwardInput('Conv2DBackpropInput', false),
  plain('DepthwiseConv2dNative', true),
  fused('FusedDepthwiseConv2D', true),
  backwardFilter('DepthwiseConv2dNativeBackpropFilter', true),
  backwardInput('DepthwiseConv2dNativeBackpropInput', true),
];
