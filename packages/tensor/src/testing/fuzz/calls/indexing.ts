import { kernelCall, raggedCall, type Generator } from '../Call.js';
import { elements, type Draw } from '../Draw.js';
import type { Operand } from '../Operand.js';

export const indexingCalls: Generator[] = [
  {
    kernel: 'GatherV2',
    draw: (draw) => {
      const batchDims = draw.pick([0, 0, 1]);
      const shape = draw.shape(draw.int(batchDims + 1, 4));
      const axis = draw.int(batchDims, shape.length - 1);
      const batch = shape.slice(0, batchDims);
      const indices = draw.ints([...batch, ...draw.shape(draw.int(0, 2))], 0, Math.max(0, shape[axis]! - 1));
      return kernelCall('GatherV2', { x: draw.tensor(shape), indices }, { axis, batchDims });
    },
  },
  {
    kernel: 'GatherNd',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 4), 1);
      const depth = draw.int(1, shape.length);
      const count = draw.size();
      const values = draw.list(count, () => shape.slice(0, depth).map((size) => draw.int(0, size - 1))).flat();
      return kernelCall('GatherNd', {
        params: draw.tensor(shape),
        indices: { shape: [count, depth], dtype: 'int32', values },
      });
    },
  },
  {
    kernel: 'ScatterNd',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 4), 1);
      const depth = draw.int(1, shape.length);
      const count = draw.size();
      const values = draw.list(count, () => shape.slice(0, depth).map((size) => draw.int(0, size - 1))).flat();
      const indices = { shape: [count, depth], dtype: 'int32' as const, values };
      return kernelCall('ScatterNd', { indices, updates: draw.tensor([count, ...shape.slice(depth)]) }, { shape });
    },
  },
  {
    kernel: 'TensorScatterUpdate',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 3), 1);
      const depth = draw.int(1, shape.length);
      const count = draw.size(1);
      const values = draw.list(count, () => shape.slice(0, depth).map((size) => draw.int(0, size - 1))).flat();
      const dtype = draw.dtype();
      return kernelCall('TensorScatterUpdate', {
        tensor: draw.tensor(shape, dtype),
        indices: { shape: [count, depth], dtype: 'int32', values },
        updates: draw.tensor([count, ...shape.slice(depth)], dtype),
      });
    },
  },
  {
    kernel: 'UnsortedSegmentSum',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 4), 1);
      const numSegments = draw.size(1);
      const segmentIds = draw.ints([shape[0]!], -1, numSegments);
      return kernelCall('UnsortedSegmentSum', { x: draw.floats(shape), segmentIds }, { numSegments });
    },
  },
  {
    kernel: 'OneHot',
    draw: (draw) =>
      kernelCall(
        'OneHot',
        { indices: draw.ints(draw.shape(draw.int(0, 4)), -1, 8) },
        { dtype: draw.pick(['float32', 'int32', 'bool']), depth: draw.int(1, 8), onValue: 1, offValue: 0 },
      ),
  },
  {
    kernel: 'SparseToDense',
    draw: (draw) => {
      const outputShape = draw.shape(draw.int(1, 3), 1);
      const count = draw.size(1);
      const values = draw.list(count, () => outputShape.map((size) => draw.int(0, size - 1))).flat();
      const dtype = draw.dtype();
      return kernelCall(
        'SparseToDense',
        {
          sparseIndices: { shape: [count, outputShape.length], dtype: 'int32', values },
          sparseValues: draw.tensor([count], dtype),
          defaultValue: draw.tensor([], dtype),
        },
        { outputShape },
      );
    },
  },
  {
    kernel: 'SparseFillEmptyRows',
    draw: (draw) => {
      const rows = draw.int(1, 5);
      const filled = draw.some(rows);
      return kernelCall('SparseFillEmptyRows', {
        indices: { shape: [filled.length, 2], dtype: 'int32', values: filled.flatMap((row) => [row, draw.int(0, 3)]) },
        values: draw.floats([filled.length]),
        denseShape: { shape: [2], dtype: 'int32', values: [rows, 4] },
        defaultValue: draw.floats([]),
      });
    },
  },
  {
    kernel: 'SparseReshape',
    draw: (draw) => {
      const shape = draw.shape(2, 1);
      const count = draw.size();
      const values = draw.list(count, () => shape.map((size) => draw.int(0, size - 1))).flat();
      return kernelCall('SparseReshape', {
        inputIndices: { shape: [count, 2], dtype: 'int32', values },
        inputShape: vector(shape),
        newShape: vector(draw.chance(0.5) ? [-1] : [elements(shape), 1]),
      });
    },
  },
  ...['SparseSegmentMean', 'SparseSegmentSum'].map((kernel): Generator => ({
    kernel,
    draw: (draw) => {
      const shape = draw.shape(2, 1);
      const count = draw.size(1);
      const ids = draw.list(count, () => draw.int(0, 3)).sort((a, b) => a - b);
      const indices = draw.ints([count], 0, shape[0]! - 1);
      return kernelCall(kernel, { data: draw.floats(shape), indices, segmentIds: vector(ids) });
    },
  })),
  {
    kernel: 'RaggedRange',
    draw: (draw) => {
      const shape = [draw.size(1)];
      return kernelCall('RaggedRange', {
        starts: draw.ints(shape, 0, 3),
        limits: draw.ints(shape, 0, 9),
        deltas: draw.ints(shape, 1, 3),
      });
    },
  },
  {
    kernel: 'RaggedGather',
    draw: (draw) => {
      const splits = rowSplits(draw);
      const rows = splits.length - 1;
      return raggedCall(
        'RaggedGather',
        'paramsNestedSplits',
        {
          splits: vector(splits),
          paramsDenseValues: draw.floats([splits.at(-1)!]),
          indices: draw.ints([draw.size(1)], 0, rows - 1),
        },
        { outputRaggedRank: 1 },
      );
    },
  },
  {
    kernel: 'RaggedTensorToTensor',
    draw: (draw) => {
      const splits = rowSplits(draw);
      return raggedCall(
        'RaggedTensorToTensor',
        'rowPartitionTensors',
        {
          shape: vector([splits.length - 1, draw.pick([-1, 2, 4])]),
          values: draw.floats([splits.at(-1)!]),
          defaultValue: draw.floats([]),
          splits: vector(splits),
        },
        { rowPartitionTypes: ['ROW_SPLITS'] },
      );
    },
  },
];

function vector(values: number[]): Operand {
  return { shape: [values.length], dtype: 'int32', values };
}

/** Where the rows of a ragged tensor begin, and the last one ends. */
function rowSplits(draw: Draw): number[] {
  const splits = [0];
  for (let rows = draw.int(1, 4); rows > 0; rows--) splits.push(splits.at(-1)! + draw.int(0, 3));
  return splits;
}
