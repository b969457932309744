import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import type { NumericArray, NumericType, ScmoeBackend } from '../ScmoeBackend.js';
import { axesOf } from './axes.js';
import { isNumeric, sizeOf } from './dtypes.js';
import { standardKernel } from './standardKernel.js';
import { copyStrided, maxRank, stridesOf } from './walk.js';

/** A reduction of the addon over the middle axis of (outer, count, inner). */
type Reduce = (args: { outer: number; count: number; inner: number; x: NumericArray; out: NumericArray }) => void;

interface Attributes {
  axis?: number | number[];
  reductionIndices?: number | number[];
  keepDims?: boolean;
}

interface ReduceOptions {
  kernels: ('Sum' | 'Prod' | 'Mean' | 'Max' | 'Min' | 'All' | 'Any')[];
  dtypes: NumericType[];
  result: (dtype: NumericType) => NumericType;
}

const groups: ReduceOptions[] = [
  {
    kernels: ['Sum', 'Prod'],
    dtypes: ['float32', 'int32', 'bool'],
    result: (dtype) => (dtype === 'float32' ? 'float32' : 'int32'),
  },
  { kernels: ['Mean'], dtypes: ['float32', 'int32', 'bool'], result: () => 'float32' },
  { kernels: ['Max', 'Min'], dtypes: ['float32', 'int32', 'bool'], result: (dtype) => dtype },
  { kernels: ['All', 'Any'], dtypes: ['bool'], result: () => 'bool' },
];

/** Reductions over any axes. Empty tensors go to the JavaScript kernels. */
export const reduceKernels: tf.KernelConfig[] = groups.flatMap(({ kernels, dtypes, result }) =>
  kernels.map((name) =>
    standardKernel<{ x: tf.TensorInfo }, Attributes>(name, (backend, { x }, attributes) => {
      const { axis, reductionIndices = axis, keepDims = false } = attributes;
      if (!isNumeric(x) || !dtypes.includes(x.dtype) || x.shape.length > maxRank) return undefined;
      if (sizeOf(x.shape) === 0) return undefined;
      const axes = axesOf(reductionIndices!, x.shape);
      if (!axes) return undefined;
      const reduced = x.shape.map((_, d) => axes.includes(d));
      const out = backend.output(reducedShape(x.shape, reduced, keepDims), result(x.dtype));
      const run = loadAddon()[`reduce${name}`] as Reduce;
      reduceAxes(backend, run, x, reduced, backend.values(out));
      return out;
    }),
  ),
);

function reducedShape(shape: number[], reduced: boolean[], keepDims: boolean): number[] {
  return keepDims ? shape.map((size, d) => (reduced[d] ? 1 : size)) : shape.filter((_, d) => !reduced[d]);
}

/** Brings the reduced axes together, by a copy where they are apart, and reduces (outer, count, inner). */
function reduceAxes(
  backend: ScmoeBackend,
  run: Reduce,
  x: tf.TensorInfo & { dtype: NumericType },
  reduced: boolean[],
  out: NumericArray,
): void {
  const { shape } = x;
  // Dimensions of size 1 separate nothing.
  const relevant = [...shape.keys()].filter((d) => shape[d] !== 1);
  const first = relevant.find((d) => reduced[d]);
  if (first === undefined) return run({ outer: sizeOf(shape), count: 1, inner: 1, x: backend.values(x), out });
  const last = relevant.findLast((d) => reduced[d])!;
  const size = (dimensions: number[]) => dimensions.reduce((product, d) => product * shape[d]!, 1);
  if (relevant.every((d) => reduced[d] || d < first || d > last)) {
    const outer = size(relevant.filter((d) => d < first));
    const inner = size(relevant.filter((d) => d > last));
    return run({ outer, count: sizeOf(shape) / outer / inner, inner, x: backend.values(x), out });
  }
  const kept = relevant.filter((d) => !reduced[d]);
  const order = [...kept, ...relevant.filter((d) => reduced[d])];
  const sizes = order.map((d) => shape[d]!);
  const strides = stridesOf(shape);
  const moved = backend.output(sizes, x.dtype);
  copyStrided(
    { values: backend.values(x), strides: order.map((d) => strides[d]!) },
    { values: backend.values(moved), strides: stridesOf(sizes) },
    sizes,
  );
  const outer = size(kept);
  run({ outer, count: sizeOf(shape) / outer, inner: 1, x: backend.values(moved), out });
  backend.disposeData(moved.dataId);
}

/** Index of the largest or smallest element along one axis. */
export const argReduceKernels: tf.KernelConfig[] = (['ArgMax', 'ArgMin'] as const).map((name) =>
  standardKernel<{ x: tf.TensorInfo }, { axis: number | number[] }>(name, (backend, { x }, attributes) => {
    const axes = axesOf(attributes.axis, x.shape);
    if (!isNumeric(x) || axes?.length !== 1 || sizeOf(x.shape) === 0) return undefined;
    const axis = axes[0]!;
    const out = backend.output(
      x.shape.filter((_, d) => d !== axis),
      'int32',
    );
    const run = loadAddon()[name === 'ArgMax' ? 'argMax' : 'argMin'];
    const outer = sizeOf(x.shape.slice(0, axis));
    const inner = sizeOf(x.shape.slice(axis + 1));
    run({ outer, count: x.shape[axis]!, inner, x: backend.values(x), out: backend.ints(out) });
    return out;
  }),
);
