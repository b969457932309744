import type * as tf from '@tensorflow/tfjs';

import type { ScmoeBackend } from '../ScmoeBackend.js';
import { isFloat, isNumeric } from './dtypes.js';
import { standardKernel } from './standardKernel.js';
import { copyStrided, maxRank, stridesOf } from './walk.js';

/** A copy of the elements of x, which has `sizes`, in another order of its dimensions, under `shape`. */
function permuted(
  backend: ScmoeBackend,
  x: tf.TensorInfo,
  sizes: number[],
  order: number[],
  shape: number[],
): tf.TensorInfo | undefined {
  if (!isNumeric(x) || sizes.length > maxRank) return undefined;
  const strides = stridesOf(sizes);
  const permutedSizes = order.map((d) => sizes[d]!);
  const out = backend.output(shape, x.dtype);
  copyStrided(
    { values: backend.values(x), strides: order.map((d) => strides[d]!) },
    { values: backend.values(out), strides: stridesOf(permutedSizes) },
    permutedSizes,
  );
  return out;
}

const depthToSpace = standardKernel<{ x: tf.TensorInfo }, { blockSize: number; dataFormat: string }>(
  'DepthToSpace',
  (backend, { x }, { blockSize, dataFormat }) => {
    const [batch, height, width, depth] = x.shape as [number, number, number, number];
    const channels = depth / blockSize ** 2;
    // The JavaScript kernel makes float32 values of all others, whatever it says.
    if (!isFloat(x) || x.shape.length !== 4 || dataFormat !== 'NHWC' || !Number.isInteger(channels)) return undefined;
    const sizes = [batch, height, width, blockSize, blockSize, channels];
    const shape = [batch, height * blockSize, width * blockSize, channels];
    return permuted(backend, x, sizes, [0, 1, 3, 2, 4, 5], shape);
  },
);

interface Blocks {
  /** What the batch is multiplied by. */
  count: number;
  /** Axes of x that are cut into blocks, which begin behind the batch. */
  axes: number[];
  rest: number[];
}

/** How x is cut into blocks; undefined for what is left to the JavaScript kernel, which also says what is wrong. */
function blocksOf(x: tf.TensorInfo, blockShape: number[], margins: number[][]): Blocks | undefined {
  const axes = blockShape.map((_, i) => i + 1);
  if (!isNumeric(x) || x.shape.length <= axes.length || margins.length !== axes.length) return undefined;
  if (![...blockShape, ...margins.flat()].every((size) => Number.isInteger(size) && size >= 0)) return undefined;
  if (blockShape.includes(0) || margins.some((margin) => margin.length !== 2)) return undefined;
  const count = blockShape.reduce((product, size) => product * size, 1);
  return { count, axes, rest: x.shape.slice(axes.length + 1) };
}

const spaceToBatch = standardKernel<{ x: tf.TensorInfo }, { blockShape: number[]; paddings: number[][] }>(
  'SpaceToBatchND',
  (backend, { x }, { blockShape, paddings }) => {
    const blocks = blocksOf(x, blockShape, paddings);
    if (!blocks) return undefined;
    const { count, axes, rest } = blocks;
    const padded = axes.map((d, i) => x.shape[d]! + paddings[i]![0]! + paddings[i]![1]!);
    const parts = padded.map((size, i) => size / blockShape[i]!);
    if (!parts.every(Number.isInteger)) return undefined;
    const source = withMargins(backend, x, paddings, padded);
    // (batch, [part, block] of each axis, rest) -> ([block], batch, [part], rest)
    const sizes = [x.shape[0]!, ...parts.flatMap((part, i) => [part, blockShape[i]!]), ...rest];
    const restAxes = rest.map((_, i) => 1 + 2 * axes.length + i);
    const order = [...axes.map((d) => 2 * d), 0, ...axes.map((d) => 2 * d - 1), ...restAxes];
    const out = permuted(backend, source, sizes, order, [x.shape[0]! * count, ...parts, ...rest]);
    if (source !== x) backend.disposeData(source.dataId);
    return out;
  },
);

/** x with zeros around its axes behind the batch; x itself where there are none. */
function withMargins(backend: ScmoeBackend, x: tf.TensorInfo, paddings: number[][], padded: number[]): tf.TensorInfo {
  if (paddings.flat().every((size) => size === 0) || !isNumeric(x)) return x;
  const shape = [x.shape[0]!, ...padded, ...x.shape.slice(padded.length + 1)];
  const strides = stridesOf(shape);
  const out = backend.lastingOutput(shape, x.dtype);
  const values = backend.values(out).fill(0);
  const offset = paddings.reduce((sum, [before], i) => sum + before! * strides[i + 1]!, 0);
  copyStrided({ values: backend.values(x), strides: stridesOf(x.shape) }, { values, offset, strides }, x.shape);
  return out;
}

const batchToSpace = standardKernel<{ x: tf.TensorInfo }, { blockShape: number[]; crops: number[][] }>(
  'BatchToSpaceND',
  (backend, { x }, { blockShape, crops }) => {
    const blocks = blocksOf(x, blockShape, crops);
    const batch = x.shape[0]! / (blocks?.count ?? 0);
    if (!blocks || !isNumeric(x) || !Number.isInteger(batch)) return undefined;
    const { axes, rest } = blocks;
    // ([block], batch, [part], rest) -> (batch, [part, block], rest)
    const whole = axes.map((d, i) => x.shape[d]! * blockShape[i]!);
    const kept = whole.map((size, i) => size - crops[i]![0]! - crops[i]![1]!);
    if (kept.some((size) => size < 0)) return undefined;
    const sizes = [...blockShape, batch, ...x.shape.slice(1)];
    const n = axes.length;
    const order = [n, ...axes.flatMap((d, i) => [n + d, i]), ...rest.map((_, i) => 2 * n + 1 + i)];
    const uncut = permuted(backend, x, sizes, order, [batch, ...whole, ...rest]);
    if (!uncut || crops.flat().every((size) => size === 0)) return uncut;
    const shape = [batch, ...kept, ...rest];
    const out = backend.output(shape, x.dtype);
    const strides = stridesOf(uncut.shape);
    const offset = crops.reduce((sum, [before], i) => sum + before! * strides[i + 1]!, 0);
    const target = { values: backend.values(out), strides: stridesOf(shape) };
    copyStrided({ values: backend.values(uncut), offset, strides }, target, shape);
    backend.disposeData(uncut.dataId);
    return out;
  },
);

/** Along one axis after the other: what lies beyond an edge is what lies before it, the other way round. */
const mirrorPad = standardKernel<{ x: tf.TensorInfo }, { paddings: [number, number][]; mode: 'reflect' | 'symmetric' }>(
  'MirrorPad',
  (backend, { x }, { paddings, mode }) => {
    const skipped = mode === 'reflect' ? 1 : 0;
    const rank = x.shape.length;
    if (!isNumeric(x) || rank > maxRank || paddings.length !== rank || x.shape.includes(0)) return undefined;
    const fits = paddings.every((ends, d) =>
      ends.every((size) => Number.isInteger(size) && size >= 0 && size <= x.shape[d]! - skipped),
    );
    if (!fits || (mode !== 'reflect' && mode !== 'symmetric')) return undefined;
    const shape = paddings.map(([before, after], d) => before + x.shape[d]! + after);
    const out = backend.output(shape, x.dtype);
    const values = backend.values(out);
    const strides = stridesOf(shape);
    const starts = paddings.map(([before], d) => before * strides[d]!);
    const inside = starts.reduce((sum, start) => sum + start, 0);
    copyStrided(
      { values: backend.values(x), strides: stridesOf(x.shape) },
      { values, offset: inside, strides },
      x.shape,
    );
    let filled = x.shape;
    let from = inside;
    paddings.forEach(([before, after], d) => {
      const backwards = strides.with(d, -strides[d]!);
      const edges = [
        { size: before, first: skipped + before - 1, target: -before },
        { size: after, first: x.shape[d]! - 1 - skipped, target: x.shape[d]! },
      ];
      for (const { size, first, target } of edges) {
        if (size === 0) continue;
        const at = (position: number) => from + position * strides[d]!;
        const sizes = filled.with(d, size);
        copyStrided({ values, offset: at(first), strides: backwards }, { values, offset: at(target), strides }, sizes);
      }
      filled = filled.with(d, shape[d]!);
      from -= starts[d]!;
    });
    return out;
  },
);

/** Kernels that put elements into other places, by copies with steps. */
export const blockKernels: tf.KernelConfig[] = [depthToSpace, spaceToBatch, batchToSpace, mirrorPad];
