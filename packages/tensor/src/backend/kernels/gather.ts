import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import type { NumericArray } from '../ScmoeBackend.js';
import { isNumeric, sizeOf } from './dtypes.js';
import { standardKernel } from './standardKernel.js';

/** Each returns -1, or where the first index outside the tensor stands. */
interface Gather {
  gather: (
    x: NumericArray,
    indices: NumericArray,
    out: NumericArray,
    batch: number,
    outer: number,
    dim: number,
    count: number,
    slice: number,
  ) => number;
  gatherNd: (
    x: NumericArray,
    indices: NumericArray,
    out: NumericArray,
    strides: Float64Array,
    rows: number,
    count: number,
    slice: number,
  ) => number;
  scatterAdd: (
    updates: NumericArray,
    indices: NumericArray,
    out: NumericArray,
    strides: Float64Array,
    rows: number,
    count: number,
    slice: number,
    skipInvalid: boolean,
  ) => number;
}

const gatherV2 = standardKernel<
  { x: tf.TensorInfo; indices: tf.TensorInfo },
  { axis: number | number[]; batchDims?: number }
>('GatherV2', (backend, { x, indices }, { axis, batchDims = 0 }) => {
  if (!isNumeric(x) || indices.dtype !== 'int32' || sizeOf(x.shape) === 0) return undefined;
  const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
  const { batchSize, outerSize, dimSize, sliceSize, outputShape } =
    tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, along, batchDims);
  const ids = backend.ints(indices);
  const out = backend.output(outputShape, x.dtype);
  const count = ids.length / batchSize;
  const invalid = loadAddon<Gather>().gather(
    backend.values(x),
    ids,
    backend.values(out),
    batchSize,
    outerSize,
    dimSize,
    count,
    sliceSize,
  );
  if (invalid < 0) return out;
  backend.disposeData(out.dataId);
  throw new Error(`GatherV2: the index value ${ids[invalid]} is not in [0, ${dimSize - 1}]`);
});

const gatherNd = standardKernel<{ params: tf.TensorInfo; indices: tf.TensorInfo }>(
  'GatherNd',
  (backend, { params, indices }) => {
    if (!isNumeric(params) || indices.dtype !== 'int32') return undefined;
    const [shape, count, slice, strides] = tf.backend_util.prepareAndValidate(params, indices);
    if (count === 0) return undefined;
    const out = backend.output(shape, params.dtype);
    const invalid = loadAddon<Gather>().gatherNd(
      backend.values(params),
      backend.values(indices),
      backend.values(out),
      Float64Array.from(strides.slice(0, indices.shape.at(-1))),
      sizeOf(params.shape) / slice,
      count,
      slice,
    );
    if (invalid < 0) return out;
    // The JavaScript kernel names the index.
    backend.disposeData(out.dataId);
    return undefined;
  },
);

const scatterNd = standardKernel<{ indices: tf.TensorInfo; updates: tf.TensorInfo }, { shape: number[] }>(
  'ScatterNd',
  (backend, { indices, updates }, { shape }) => {
    if (indices.dtype !== 'int32' || (updates.dtype !== 'float32' && updates.dtype !== 'int32')) return undefined;
    const { sliceRank, numUpdates, sliceSize, strides, outputSize } = tf.backend_util.calculateShapes(
      updates,
      indices,
      shape,
    );
    if (outputSize === 0 || sizeOf(updates.shape) !== numUpdates * sliceSize) return undefined;
    const out = backend.output(shape, updates.dtype);
    const invalid = loadAddon<Gather>().scatterAdd(
      backend.values(updates),
      backend.values(indices),
      backend.values(out),
      Float64Array.from(strides.slice(0, sliceRank)),
      outputSize / sliceSize,
      numUpdates,
      sliceSize,
      false,
    );
    if (invalid < 0) return out;
    // The JavaScript kernel names the index.
    backend.disposeData(out.dataId);
    return undefined;
  },
);

const unsortedSegmentSum = standardKernel<{ x: tf.TensorInfo; segmentIds: tf.TensorInfo }, { numSegments: number }>(
  'UnsortedSegmentSum',
  (backend, { x, segmentIds }, { numSegments }) => {
    if (x.dtype !== 'float32' || segmentIds.dtype !== 'int32' || segmentIds.shape.length !== 1) return undefined;
    if (numSegments < 1 || x.shape[0] !== segmentIds.shape[0]) return undefined;
    const out = backend.output([numSegments, ...x.shape.slice(1)], x.dtype);
    const count = x.shape[0]!;
    const slice = sizeOf(x.shape.slice(1));
    // An id outside belongs to no segment.
    loadAddon<Gather>().scatterAdd(
      backend.values(x),
      backend.values(segmentIds),
      backend.values(out),
      Float64Array.of(1),
      numSegments,
      count,
      slice,
      true,
    );
    return out;
  },
);

export const gatherKernels: tf.KernelConfig[] = [gatherV2, gatherNd, scatterNd, unsortedSegmentSum];
