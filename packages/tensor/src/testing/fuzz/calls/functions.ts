import * as tf from '@tensorflow/tfjs';

import type { Attributes, Call, Generator, Operands } from '../Call.js';
import type { Draw } from '../Draw.js';
import { arrangementCalls } from './arrangements.js';
import { indexingCalls } from './indexing.js';
import { productCalls } from './products.js';

type Tensors = Record<string, tf.Tensor>;

/** The functions that programs call, with their own checks and defaults before the kernel's. Arguments as odd as they come. */
type Run = (tensors: Tensors, attributes: never) => tf.Tensor | tf.Tensor[];

/** What draws the arguments of a kernel draws those of the function of the same meaning. */
const kernels = new Map([...arrangementCalls, ...indexingCalls, ...productCalls].map((own) => [own.kernel, own.draw]));

function through(kernel: string, name: string, run: Run): Generator {
  return { kernel, draw: (draw) => ({ ...kernels.get(kernel)!(draw), name, run: run as Call['run'] }) };
}

function own(kernel: string, name: string, drawArguments: (draw: Draw) => [Operands, Attributes], run: Run): Generator {
  return {
    kernel,
    draw: (draw) => {
      const [operands, attributes] = drawArguments(draw);
      return { name, operands, attributes, run: run as Call['run'] };
    },
  };
}

interface Reps {
  reps: number[];
}

export const functionCalls: Generator[] = [
  through('PadV2', 'tf.pad', ({ x }, a: { paddings: [number, number][]; constantValue: number }) =>
    tf.pad(x!, a.paddings, a.constantValue),
  ),
  through('MirrorPad', 'tf.mirrorPad', ({ x }, a: { paddings: [number, number][]; mode: 'reflect' }) =>
    tf.mirrorPad(x!, a.paddings, a.mode),
  ),
  through('Slice', 'tf.slice', ({ x }, a: { begin: number[]; size: number[] }) => tf.slice(x!, a.begin, a.size)),
  through('Transpose', 'tf.transpose', ({ x }, a: { perm: number[] }) => tf.transpose(x!, a.perm)),
  through('Tile', 'tf.tile', ({ x }, { reps }: Reps) => tf.tile(x!, reps)),
  through('Reverse', 'tf.reverse', ({ x }, a: { dims: number[] }) => tf.reverse(x!, a.dims)),
  through('Reshape', 'tf.reshape', ({ x }, a: { shape: number[] }) => tf.reshape(x!, a.shape)),
  through('ExpandDims', 'tf.expandDims', ({ input }, a: { dim: number }) => tf.expandDims(input!, a.dim)),
  through('Concat', 'tf.concat', (tensors, a: { axis: number }) => tf.concat(Object.values(tensors), a.axis)),
  through('Pack', 'tf.stack', (tensors, a: { axis: number }) => tf.stack(Object.values(tensors), a.axis)),
  through('Unpack', 'tf.unstack', ({ value }, a: { axis: number }) => tf.unstack(value!, a.axis)),
  through('SplitV', 'tf.split', ({ x }, a: { numOrSizeSplits: number[]; axis: number }) =>
    tf.split(x!, a.numOrSizeSplits, a.axis),
  ),
  through(
    'StridedSlice',
    'tf.stridedSlice',
    ({ x }, a: Record<string, number> & { begin: number[]; end: number[]; strides: number[] }) =>
      tf.stridedSlice(
        x!,
        a.begin,
        a.end,
        a.strides,
        a['beginMask'],
        a['endMask'],
        a['ellipsisMask'],
        a['newAxisMask'],
        a['shrinkAxisMask'],
      ),
  ),
  through('GatherV2', 'tf.gather', ({ x, indices }, a: { axis: number; batchDims: number }) =>
    tf.gather(x!, indices!, a.axis, a.batchDims),
  ),
  through('GatherNd', 'tf.gatherND', ({ params, indices }) => tf.gatherND(params!, indices!)),
  through('ScatterNd', 'tf.scatterND', ({ indices, updates }, a: { shape: number[] }) =>
    tf.scatterND(indices!, updates!, a.shape),
  ),
  through('TensorScatterUpdate', 'tf.tensorScatterUpdate', ({ tensor, indices, updates }) =>
    tf.tensorScatterUpdate(tensor!, indices!, updates!),
  ),
  through('UnsortedSegmentSum', 'tf.unsortedSegmentSum', ({ x, segmentIds }, a: { numSegments: number }) =>
    tf.unsortedSegmentSum(x!, segmentIds as tf.Tensor1D, a.numSegments),
  ),
  through('OneHot', 'tf.oneHot', ({ indices }, a: { depth: number; dtype: 'float32' }) =>
    tf.oneHot(indices!, a.depth, 1, 0, a.dtype),
  ),
  through('BatchMatMul', 'tf.matMul', ({ a, b }, given: { transposeA: boolean; transposeB: boolean }) =>
    tf.matMul(a!, b!, given.transposeA, given.transposeB),
  ),
  through('_FusedMatMul', 'tf.fused.matMul', (tensors, given: object) =>
    tf.fused.matMul({ ...tensors, ...given } as never),
  ),
  own(
    'Cast',
    'tf.cast',
    (draw) => [
      { x: draw.floats(draw.shape(), { specials: true }) },
      { dtype: draw.pick(['float32', 'int32', 'bool']) },
    ],
    ({ x }, a: { dtype: 'int32' }) => tf.cast(x!, a.dtype),
  ),
  own(
    'Select',
    'tf.where',
    (draw) => {
      const shape = draw.shape(draw.int(0, 4));
      const dtype = draw.dtype();
      return [
        {
          condition: draw.tensor(shape, 'bool'),
          t: draw.tensor(shape, dtype),
          e: draw.tensor(draw.broadcastable(shape), dtype),
        },
        {},
      ];
    },
    ({ condition, t, e }) => tf.where(condition!, t!, e!),
  ),
  own(
    'Softmax',
    'tf.softmax',
    (draw) => [{ logits: draw.floats(draw.shape(draw.int(1, 4)), { specials: true }) }, { dim: -1 }],
    ({ logits }, a: { dim: number }) => tf.softmax(logits!, a.dim),
  ),
  own(
    'Cumsum',
    'tf.cumsum',
    (draw) => {
      const shape = draw.shape(draw.int(1, 4));
      return [
        { x: draw.tensor(shape) },
        { axis: draw.int(0, shape.length - 1), exclusive: draw.chance(0.5), reverse: draw.chance(0.5) },
      ];
    },
    ({ x }, a: { axis: number; exclusive: boolean; reverse: boolean }) => tf.cumsum(x!, a.axis, a.exclusive, a.reverse),
  ),
  own(
    'TopK',
    'tf.topk',
    (draw) => {
      const shape = draw.shape(draw.int(1, 4), 1);
      return [{ x: draw.floats(shape) }, { k: draw.int(0, shape.at(-1)!), sorted: draw.chance(0.5) }];
    },
    ({ x }, a: { k: number; sorted: boolean }) => Object.values(tf.topk(x!, a.k, a.sorted)),
  ),
  own(
    'FusedConv2D',
    'tf.fused.conv2d',
    (draw) => {
      const [channels, out] = [draw.int(1, 3), draw.int(1, 4)];
      const activation = draw.pick(['linear', 'relu', 'prelu'] as const);
      const operands = {
        ...{
          x: draw.floats([draw.int(1, 2), 5, 4, channels]),
          filter: draw.floats([draw.int(1, 3), 2, channels, out]),
        },
        bias: draw.chance(0.6) ? draw.floats([out]) : undefined,
        preluActivationWeights: activation === 'prelu' ? draw.floats([out]) : undefined,
      };
      return [operands, { strides: draw.pick([1, 2]), pad: draw.pick(['same', 'valid', 1]), activation }];
    },
    (tensors, given: object) => tf.fused.conv2d({ ...tensors, ...given } as never),
  ),
  own(
    'Sum',
    'tf.sum',
    (draw) => {
      const shape = draw.shape();
      return [{ x: draw.tensor(shape) }, { axis: draw.some(shape.length), keepDims: draw.chance(0.5) }];
    },
    ({ x }, a: { axis: number[]; keepDims: boolean }) => tf.sum(x!, a.axis, a.keepDims),
  ),
  own(
    'ClipByValue',
    'tf.clipByValue',
    (draw) => [{ x: draw.tensor(draw.shape()) }, { least: -1, most: 1.5 }],
    ({ x }, a: { least: number; most: number }) => tf.clipByValue(x!, a.least, a.most),
  ),
  own(
    'Add',
    'tf.add',
    (draw) => {
      const shape = draw.shape();
      return [{ a: draw.tensor(shape), b: draw.tensor(draw.broadcastable(shape)) }, {}];
    },
    ({ a, b }) => tf.add(a!, b!),
  ),
];
