import * as tf from '@tensorflow/tfjs';

import { attribute, type Attributes } from '../../binding/Attribute.js';
import type { TensorFlowBackend } from '../TensorFlowBackend.js';

type Info = tf.backend_util.Conv2DInfo;
type Info3D = tf.backend_util.Conv3DInfo;

/** How a filter moves over images, or volumes: a number for each axis of space. */
export interface Windows {
  /** Rows, columns, ... of the input, and of the output. */
  readonly inSizes: readonly number[];
  readonly outSizes: readonly number[];
  /** The filter's, without the gaps of a dilation. */
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** What is added in front of the input and behind it, so that all windows of the output lie within. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Whether that is what TensorFlow's padding SAME adds. */
  readonly isSame: boolean;
}

/** The windows of TF.js's own reckoning. */
export function windowsOf(info: Info | Info3D): Windows {
  const { padInfo } = info;
  const isVolume = 'inDepth' in info;
  const depth = isVolume
    ? [axis(info.inDepth, info.outDepth, info.filterDepth, info.strideDepth, info.dilationDepth, info.padInfo.front)]
    : [];
  const axes = [
    ...depth,
    axis(info.inHeight, info.outHeight, info.filterHeight, info.strideHeight, info.dilationHeight, padInfo.top),
    axis(info.inWidth, info.outWidth, info.filterWidth, info.strideWidth, info.dilationWidth, padInfo.left),
  ];
  const each = <Name extends keyof (typeof axes)[0]>(name: Name) => axes.map((one) => one[name]);
  return {
    inSizes: each('inSize'),
    outSizes: each('outSize'),
    sizes: each('size'),
    strides: each('stride'),
    dilations: each('dilation'),
    before: each('before'),
    after: each('after'),
    isSame: padInfo.type === 'SAME',
  };
}

/** The windows of a gradient, as many as it has: TF.js does not pass on how their number was rounded. */
export function asManyAs(windows: Windows, gradientSizes: readonly number[]): Windows {
  const { inSizes, sizes, strides, dilations, before } = windows;
  const after = gradientSizes.map((count, i) =>
    behind(inSizes[i]!, count, spread(sizes[i]!, dilations[i]!), strides[i]!, before[i]!),
  );
  return { ...windows, outSizes: gradientSizes, after };
}

/** The attributes `strides`, and `padding` where nothing is added or what SAME adds. Channels come last. */
export function windowAttributes({ strides, before, after, isSame }: Windows): Attributes {
  const attributes = { strides: attribute.ints([1, ...strides, 1]) };
  if (isSame) return { ...attributes, padding: 'SAME' };
  if ([...before, ...after].every((count) => count === 0)) return { ...attributes, padding: 'VALID' };
  const explicit = attribute.ints([0, 0, ...before.flatMap((count, i) => [count, after[i]!]), 0, 0]);
  return { ...attributes, padding: 'EXPLICIT', explicit_paddings: explicit };
}

/** Where an operation has no padding but SAME and VALID: the windows over a padded input. */
export function isPadded({ before, after, isSame }: Windows): boolean {
  return !isSame && [...before, ...after].some((count) => count > 0);
}

/** The same windows over the input that `padded` gives. */
export function withinPadding(windows: Windows): Windows {
  const { inSizes, before, after } = windows;
  const none = before.map(() => 0);
  return {
    ...windows,
    inSizes: inSizes.map((size, i) => size + before[i]! + after[i]!),
    before: none,
    after: none,
    isSame: false,
  };
}

/** Images with as much of `value` around them as the windows reach out. */
export function padded(backend: TensorFlowBackend, x: tf.TensorInfo, windows: Windows, value: number): tf.TensorInfo {
  const { before, after } = windows;
  const paddings = [0, 0, ...before.flatMap((count, i) => [count, after[i]!]), 0, 0];
  return backend.run('PadV2', [
    x,
    backend.constant('int32', [paddings.length / 2, 2], paddings),
    backend.constant(x.dtype, [], [value]),
  ]);
}

/** What lies within the padding. */
export function unpadded(backend: TensorFlowBackend, x: tf.TensorInfo, { before, inSizes }: Windows): tf.TensorInfo {
  const shape = [x.shape[0]!, ...inSizes, x.shape.at(-1)!];
  return backend.run('Slice', [x, backend.ints([0, ...before, 0]), backend.ints(shape)]);
}

/**
 * A filter, (size, size, ...) and channels, with zeros in the gaps of its dilation: for operations that know none.
 *
 * @returns the filter, and windows of its size without a dilation
 */
export function dilated(
  backend: TensorFlowBackend,
  filter: tf.TensorInfo,
  windows: Windows,
): { filter: tf.TensorInfo; windows: Windows } {
  const { sizes, dilations } = windows;
  const plain = withoutDilation(windows);
  if (dilations.every((dilation) => dilation === 1)) return { filter, windows: plain };
  const channels = filter.shape.slice(sizes.length);
  const reshape = (x: tf.TensorInfo, shape: readonly number[]) => backend.run('Reshape', [x, backend.ints(shape)]);
  // (size, 1, size, 1, ..., channels): each row is followed by dilation - 1 rows of zeros, then those of the last are cut off.
  const apart = reshape(filter, [...sizes.flatMap((size) => [size, 1]), ...channels]);
  const paddings = [...dilations.flatMap((dilation) => [0, 0, 0, dilation - 1]), ...channels.flatMap(() => [0, 0])];
  const withZeros = backend.run('PadV2', [
    apart,
    backend.constant('int32', [paddings.length / 2, 2], paddings),
    backend.constant('float32', [], [0]),
  ]);
  const whole = reshape(withZeros, [...sizes.map((size, i) => size * dilations[i]!), ...channels]);
  const shape = [...plain.sizes, ...channels];
  return {
    filter: backend.run('Slice', [whole, backend.ints(shape.map(() => 0)), backend.ints(shape)]),
    windows: plain,
  };
}

/** Windows of the size that a dilation spreads theirs to. */
export function withoutDilation(windows: Windows): Windows {
  const { sizes, dilations } = windows;
  return {
    ...windows,
    sizes: sizes.map((size, i) => spread(size, dilations[i]!)),
    dilations: dilations.map(() => 1),
  };
}

/** The inverse of `dilated`: the filter's own elements of one with gaps. */
export function undilated(backend: TensorFlowBackend, filter: tf.TensorInfo, { dilations }: Windows): tf.TensorInfo {
  if (dilations.every((dilation) => dilation === 1)) return filter;
  const { shape } = filter;
  const strides = shape.map((_size, i) => dilations[i] ?? 1);
  const zeros = backend.ints(shape.map(() => 0));
  return backend.run('StridedSlice', [filter, zeros, backend.ints(shape), backend.ints(strides)]);
}

/** Images with their channels last, whatever the format. */
export function channelsLast(
  backend: TensorFlowBackend,
  x: tf.TensorInfo,
  dataFormat: string | undefined,
): tf.TensorInfo {
  if (!isChannelsFirst(dataFormat)) return x;
  const spatial = x.shape.slice(2).map((_size, i) => i + 2);
  return backend.run('Transpose', [x, backend.ints([0, ...spatial, 1])]);
}

/** Images with their channels where the format has them, from channels last. */
export function inFormat(backend: TensorFlowBackend, x: tf.TensorInfo, dataFormat: string | undefined): tf.TensorInfo {
  if (!isChannelsFirst(dataFormat)) return x;
  const spatial = x.shape.slice(2).map((_size, i) => i + 1);
  return backend.run('Transpose', [x, backend.ints([0, x.shape.length - 1, ...spatial])]);
}

function isChannelsFirst(dataFormat: string | undefined): boolean {
  return dataFormat === 'NCHW' || dataFormat === 'NCDHW';
}

function axis(inSize: number, outSize: number, size: number, stride: number, dilation: number, before: number) {
  const after = behind(inSize, outSize, spread(size, dilation), stride, before);
  return { inSize, outSize, size, stride, dilation, before, after };
}

/** What the last window needs; TF.js says how far in front the first begins, and how many there are. */
function behind(inSize: number, outSize: number, size: number, stride: number, before: number): number {
  return Math.max(0, (outSize - 1) * stride + size - inSize - before);
}

function spread(size: number, dilation: number): number {
  return (size - 1) * dilation + 1;
}
