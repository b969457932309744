import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { axisOf } from './axes.js';
import { isNumeric, sizeOf } from './dtypes.js';
import { standardKernel } from './standardKernel.js';

const gatherV2 = standardKernel<
  { x: tf.TensorInfo; indices: tf.TensorInfo },
  { axis: number | number[]; batchDims?: number }
>('GatherV2', (backend, { x, indices }, { axis, batchDims = 0 }) => {
  if (!isNumeric(x) || indices.dtype !== 'int32' || sizeOf(x.shape) === 0) return undefined;
  const along = axisOf(axis, x.shape);
  if (along === undefined || !Number.isInteger(batchDims)) return undefined;
  const { batchSize, outerSize, dimSize, sliceSize, outputShape } =
    tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, along, batchDims);
  const ids = backend.ints(indices);
  const out = backend.output(outputShape, x.dtype);
  const count = ids.length / batchSize;
  const invalid = loadAddon().gather({
    batch: batchSize,
    outer: outerSize,
    dim: dimSize,
    count,
    slice: sliceSize,
    x: backend.values(x),
    indices: ids,
    out: backend.values(out),
  });
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
    const depth = indices.shape.at(-1)!;
    const invalid = loadAddon().gatherNd({
      rows: sizeOf(params.shape) / slice,
      count,
      slice,
      depth,
      strides: strides.slice(0, depth),
      x: backend.values(params),
      indices: backend.ints(indices),
      out: backend.values(out),
    });
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
    const invalid = loadAddon().scatterAdd({
      rows: outputSize / sliceSize,
      count: numUpdates,
      slice: sliceSize,
      depth: sliceRank,
      strides: strides.slice(0, sliceRank),
      skipInvalid: false,
      updates: backend.values(updates) as Float32Array | Int32Array,
      indices: backend.ints(indices),
      out: backend.values(out),
    });
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
    loadAddon().scatterAdd({
      rows: numSegments,
      count,
      slice,
      depth: 1,
      strides: [1],
      skipInvalid: true,
      updates: backend.floats(x),
      indices: backend.ints(segmentIds),
      out: backend.values(out),
    });
    return out;
  },
);

export const gatherKernels: tf.KernelConfig[] = [gatherV2, gatherNd, scatterNd, unsortedSegmentSum];
