import * as tf from '@tensorflow/tfjs';

import type { ScmoeBackend } from '../ScmoeBackend.js';
import { axesOf, axisOf } from './axes.js';
import { isNumeric } from './dtypes.js';
import { standardKernel } from './standardKernel.js';
import { copyStrided, maxRank, stridesOf } from './walk.js';

/** Elements begin, begin + step, ... of every dimension, `size` of them; a new tensor of shape `size`. */
function take(
  backend: ScmoeBackend,
  x: tf.TensorInfo,
  begin: readonly number[],
  size: number[],
  step?: readonly number[],
): tf.TensorInfo | undefined {
  if (!isNumeric(x) || x.shape.length > maxRank) return undefined;
  const out = backend.output(size, x.dtype);
  const strides = stridesOf(x.shape);
  copyStrided(
    {
      values: backend.values(x),
      offset: begin.reduce((sum, b, d) => sum + b * strides[d]!, 0),
      strides: step ? strides.map((stride, d) => stride * step[d]!) : strides,
    },
    { values: backend.values(out), strides: stridesOf(size) },
    size,
  );
  return out;
}

const slice = standardKernel<{ x: tf.TensorInfo }, { begin: number | number[]; size: number | number[] }>(
  'Slice',
  (backend, { x }, attributes) => {
    const [begin, size] = tf.slice_util.parseSliceParams(x, attributes.begin, attributes.size) as [number[], number[]];
    tf.slice_util.assertParamsValid(x, begin, size);
    if (![...begin, ...size].every(Number.isInteger)) return undefined;
    return take(backend, x, begin, size);
  },
);

interface StridedSliceAttributes {
  begin: number[];
  end: number[];
  strides: number[];
  beginMask: number;
  endMask: number;
  ellipsisMask: number;
  newAxisMask: number;
  shrinkAxisMask: number;
}

const stridedSlice = standardKernel<{ x: tf.TensorInfo }, StridedSliceAttributes>(
  'StridedSlice',
  (backend, { x }, a) => {
    if (!isNumeric(x)) return undefined;
    const info = tf.slice_util.sliceInfo(
      x.shape,
      a.begin,
      a.end,
      a.strides,
      a.beginMask,
      a.endMask,
      a.ellipsisMask,
      a.newAxisMask,
      a.shrinkAxisMask,
    );
    if (info.isIdentity) return backend.alias(x, info.finalShape);
    const size = tf.slice_util.computeOutShape(info.begin, info.end, info.strides);
    // An empty result keeps the shape that TF.js works out for it; where the end lies before the beginning, sizes are
    // negative here.
    if (size.some((n) => n <= 0) || size.length !== x.shape.length) return undefined;
    const taken = take(backend, x, info.begin, size, info.strides);
    return taken && { ...taken, shape: info.finalShape };
  },
);

/** Parts of x along `axis`, of `sizes` elements each. */
function splitAlong(backend: ScmoeBackend, x: tf.TensorInfo, axis: number, sizes: number[]): tf.TensorInfo[] {
  const begin = new Array<number>(x.shape.length).fill(0);
  return sizes.map((size) => {
    const part = take(backend, x, begin, x.shape.with(axis, size))!;
    begin[axis]! += size;
    return part;
  });
}

const splitV = standardKernel<{ x: tf.TensorInfo }, { numOrSizeSplits: number | number[]; axis: number }>(
  'SplitV',
  (backend, { x }, { numOrSizeSplits, axis }) => {
    if (!isNumeric(x) || x.shape.length > maxRank) return undefined;
    const along = axisOf(axis, x.shape);
    if (along === undefined) return undefined;
    const sizes = tf.backend_util.prepareSplitSize(x, numOrSizeSplits, along);
    if (!sizes.every(Number.isInteger)) return undefined;
    return splitAlong(backend, x, along, sizes);
  },
);

const unpack = standardKernel<{ value: tf.TensorInfo }, { axis: number }>('Unpack', (backend, { value }, { axis }) => {
  if (!isNumeric(value) || value.shape.length > maxRank) return undefined;
  const along = axisOf(axis, value.shape);
  if (along === undefined) return undefined;
  const sizes = new Array<number>(value.shape[along]!).fill(1);
  const shape = value.shape.toSpliced(along, 1);
  return splitAlong(backend, value, along, sizes).map((part) => ({ ...part, shape }));
});

const reverse = standardKernel<{ x: tf.TensorInfo }, { dims: number | number[] }>(
  'Reverse',
  (backend, { x }, { dims }) => {
    const reversed = axesOf(dims, x.shape);
    if (x.shape.length === 0 || !reversed) return undefined;
    const step = x.shape.map((_, d) => (reversed.includes(d) ? -1 : 1));
    const begin = x.shape.map((size, d) => (step[d] === -1 ? Math.max(0, size - 1) : 0));
    return take(backend, x, begin, x.shape, step);
  },
);

export const sliceKernels: tf.KernelConfig[] = [slice, stridedSlice, splitV, unpack, reverse];
