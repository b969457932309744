import { kernelCall, listKernelCall, type Generator } from '../Call.js';

export const arrangementCalls: Generator[] = [
  {
    kernel: 'Reshape',
    draw: (draw) => {
      const shape = draw.shape();
      const other = draw.permutation(shape.length).map((d) => shape[d]!);
      const merged = draw.chance(0.5) && other.length > 1 ? [other[0]! * other[1]!, ...other.slice(2)] : other;
      const inferred = merged.length > 0 && draw.chance(0.3) ? merged.with(draw.int(0, merged.length - 1), -1) : merged;
      return kernelCall('Reshape', { x: draw.tensor(shape) }, { shape: inferred });
    },
  },
  {
    kernel: 'ExpandDims',
    draw: (draw) => {
      const shape = draw.shape(draw.int(0, 5));
      return kernelCall(
        'ExpandDims',
        { input: draw.tensor(shape) },
        { dim: draw.int(-shape.length - 1, shape.length) },
      );
    },
  },
  {
    kernel: 'Transpose',
    draw: (draw) => {
      const shape = draw.shape();
      return kernelCall('Transpose', { x: draw.tensor(shape) }, { perm: draw.permutation(shape.length) });
    },
  },
  {
    kernel: 'Concat',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 5));
      const axis = draw.int(0, shape.length - 1);
      const dtype = draw.dtype();
      const inputs = draw.list(draw.int(1, 4), () => draw.tensor(shape.with(axis, draw.size()), dtype));
      return listKernelCall('Concat', inputs, { axis: draw.chance(0.5) ? axis : axis - shape.length });
    },
  },
  {
    kernel: 'Pack',
    draw: (draw) => {
      const shape = draw.shape(draw.int(0, 5));
      const dtype = draw.dtype();
      const inputs = draw.list(draw.int(1, 4), () => draw.tensor(shape, dtype));
      return listKernelCall('Pack', inputs, { axis: draw.int(0, shape.length) });
    },
  },
  {
    kernel: 'Unpack',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 5));
      return kernelCall('Unpack', { value: draw.tensor(shape) }, { axis: draw.axis(shape.length) });
    },
  },
  {
    kernel: 'SplitV',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 5));
      const axis = draw.int(0, shape.length - 1);
      const sizes = draw.list(draw.int(1, 4), () => draw.size());
      const total = sizes.reduce((a, b) => a + b, 0);
      const asSizes = draw.chance(0.3) ? sizes.with(draw.int(0, sizes.length - 1), -1) : sizes;
      const parts = draw.int(1, 3);
      const even = draw.chance(0.3);
      return kernelCall(
        'SplitV',
        { x: draw.tensor(shape.with(axis, even ? parts * draw.size() : total)) },
        { numOrSizeSplits: even ? parts : asSizes, axis },
      );
    },
  },
  {
    kernel: 'Slice',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 6));
      const begin = shape.map((size) => draw.int(0, size));
      const size = shape.map((all, d) => (draw.chance(0.2) ? -1 : draw.int(0, all - begin[d]!)));
      return kernelCall('Slice', { x: draw.tensor(shape) }, { begin, size });
    },
  },
  {
    kernel: 'StridedSlice',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 5));
      const mask = () => (draw.chance(0.3) ? draw.int(0, 2 ** shape.length - 1) : 0);
      return kernelCall(
        'StridedSlice',
        { x: draw.tensor(shape) },
        {
          begin: shape.map((size) => draw.int(-size - 1, size + 1)),
          end: shape.map((size) => draw.int(-size - 1, size + 1)),
          strides: shape.map(() => draw.pick([1, 1, 2, 3, -1, -2])),
          beginMask: mask(),
          endMask: mask(),
          ellipsisMask: draw.chance(0.2) ? 2 ** draw.int(0, shape.length - 1) : 0,
          newAxisMask: draw.chance(0.2) ? mask() : 0,
          shrinkAxisMask: draw.chance(0.3) ? mask() : 0,
        },
      );
    },
  },
  {
    kernel: 'Reverse',
    draw: (draw) => {
      const shape = draw.shape();
      return kernelCall('Reverse', { x: draw.tensor(shape) }, { dims: draw.some(shape.length) });
    },
  },
  {
    kernel: 'Tile',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 5));
      return kernelCall('Tile', { x: draw.tensor(shape) }, { reps: shape.map(() => draw.pick([1, 1, 2, 3, 0])) });
    },
  },
  {
    kernel: 'PadV2',
    draw: (draw) => {
      const shape = draw.shape();
      const paddings = shape.map(() => [draw.int(0, 2), draw.int(0, 2)]);
      return kernelCall('PadV2', { x: draw.tensor(shape) }, { paddings, constantValue: draw.pick([0, 1, -2.5]) });
    },
  },
  {
    kernel: 'MirrorPad',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 4), 2);
      const paddings = shape.map(() => [draw.int(0, 1), draw.int(0, 1)]);
      return kernelCall(
        'MirrorPad',
        { x: draw.tensor(shape) },
        { paddings, mode: draw.pick(['reflect', 'symmetric']) },
      );
    },
  },
  {
    kernel: 'SpaceToBatchND',
    draw: (draw) => {
      const shape = [draw.size(1), 2 * draw.size(1), 2 * draw.size(1), draw.size(1)];
      const attributes = { blockShape: [2, draw.pick([1, 2])], paddings: [[0, 0], draw.pick([[0, 0], [2, 0], [1, 1]])] }; // prettier-ignore
      return kernelCall('SpaceToBatchND', { x: draw.tensor(shape, 'float32') }, attributes);
    },
  },
  {
    kernel: 'BatchToSpaceND',
    draw: (draw) => {
      const blockShape = [draw.pick([1, 2]), draw.pick([1, 2])];
      const shape = [draw.size(1) * blockShape[0]! * blockShape[1]!, draw.size(1), draw.size(1), draw.size(1)];
      const crops = draw.chance(0.5) ? [[0, 0], [0, 0]] : [[0, 0], [0, blockShape[1]! - 1]]; // prettier-ignore
      return kernelCall('BatchToSpaceND', { x: draw.tensor(shape, 'float32') }, { blockShape, crops });
    },
  },
  {
    kernel: 'DepthToSpace',
    draw: (draw) => {
      const blockSize = draw.pick([2, 2, 3]);
      const shape = [draw.size(1), draw.size(1), draw.size(1), blockSize ** 2 * draw.pick([1, 2])];
      return kernelCall('DepthToSpace', { x: draw.tensor(shape, 'float32') }, { blockSize, dataFormat: 'NHWC' });
    },
  },
  { kernel: 'Diag', draw: (draw) => kernelCall('Diag', { x: draw.tensor(draw.shape(draw.int(1, 3))) }) },
  {
    kernel: 'BroadcastArgs',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 4));
      const vector = (values: number[]) => ({ shape: [values.length], dtype: 'int32' as const, values });
      return kernelCall('BroadcastArgs', { s0: vector(shape), s1: vector(draw.broadcastable(shape)) });
    },
  },
  {
    kernel: 'LinSpace',
    draw: (draw) =>
      kernelCall('LinSpace', {}, { start: draw.uniform(-3, 3), stop: draw.uniform(-3, 3), num: draw.int(1, 20) }),
  },
  {
    kernel: 'Range',
    draw: (draw) => {
      const step = draw.pick([1, 2, 0.5, -1]);
      const start = draw.int(-5, 5);
      const stop = start + step * draw.int(0, 20);
      return kernelCall('Range', {}, { start, stop, step, dtype: draw.pick(['float32', 'int32']) });
    },
  },
];
