import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { attribute } from '../../binding/Attribute.js';
import type { DataType } from '../../binding/dataTypes.js';
import { kernel, type Inputs } from '../kernel.js';
import type { TensorFlowBackend } from '../TensorFlowBackend.js';
import { castTo } from './castTo.js';

/** A tensor under another shape; `-1` for the size that follows. */
export function reshape(backend: TensorFlowBackend, x: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
  const sizes = tf.util.inferFromImplicitShape(shape as number[], tf.util.sizeFromShape(x.shape));
  return backend.run('Reshape', [x, backend.ints(sizes)]);
}

const range = (count: number, of: (i: number) => number) => Array.from({ length: count }, (_, i) => of(i));

/** Elements in other places, or other numbers of them. */
export const shapeKernels: tf.KernelConfig[] = [
  kernel('Identity', (backend, { x }) => backend.alias(x)),
  kernel<Inputs<'tensor' | 'x'>, tf.ReshapeAttrs>('Reshape', (backend, { tensor, x }, { shape }) =>
    reshape(backend, tensor ?? x, shape),
  ),
  kernel<{ input: tf.TensorInfo }, tf.ExpandDimsAttrs>('ExpandDims', (backend, { input }, { dim }) => {
    const rank = input.shape.length;
    expectThat(dim >= -rank - 1 && dim <= rank, 'ExpandDims: axis', `one from ${-rank - 1} to ${rank}`, dim);
    const at = dim < 0 ? rank + dim + 1 : dim;
    return reshape(backend, input, [...input.shape.slice(0, at), 1, ...input.shape.slice(at)]);
  }),
  kernel<Inputs<'x'>, tf.CastAttrs>('Cast', (backend, { x }, { dtype }) => {
    if (x.dtype === dtype) return backend.alias(x);
    const from = x.dtype === 'complex64' ? backend.run('Real', [x]) : x;
    if (dtype === 'bool') return backend.run('NotEqual', [from, backend.constant(from.dtype, [], [0])]);
    return from.dtype === dtype ? from : castTo(backend, from, dtype);
  }),
  kernel<Inputs<'x'>, tf.TransposeAttrs>('Transpose', (backend, { x }, { perm }) =>
    backend.run('Transpose', [x, backend.ints(perm)]),
  ),
  kernel<tf.TensorInfo[], tf.ConcatAttrs>('Concat', (backend, inputs, { axis }) => {
    const tensors = Object.values(inputs);
    const [dimension] = tf.util.parseAxisParam(axis, tensors[0]!.shape) as [number];
    if (tensors.length === 1) return backend.alias(tensors[0]!);
    return backend.run('ConcatV2', [tensors, backend.int(dimension)]);
  }),
  kernel<tf.TensorInfo[], tf.PackAttrs>('Pack', (backend, inputs, { axis }) =>
    backend.run('Pack', [Object.values(inputs)], { axis: attribute.int(axis) }),
  ),
  kernel<{ value: tf.TensorInfo }, tf.UnpackAttrs>('Unpack', (backend, { value }, { axis }) => {
    const at = axis < 0 ? axis + value.shape.length : axis;
    return backend.runAll('Unpack', [value], { axis: attribute.int(at), num: attribute.int(value.shape[at]!) });
  }),
  kernel<Inputs<'x'>, tf.SliceAttrs>('Slice', (backend, { x }, { begin, size }) => {
    const [from, sizes] = tf.slice_util.parseSliceParams(x, begin, size);
    return backend.run('Slice', [x, backend.ints(from!), backend.ints(sizes!)]);
  }),
  kernel<Inputs<'x'>, tf.StridedSliceAttrs>('StridedSlice', (backend, { x }, { begin, end, strides, ...masks }) =>
    backend.run('StridedSlice', [x, backend.ints(begin), backend.ints(end), backend.ints(strides)], {
      begin_mask: attribute.int(masks.beginMask),
      end_mask: attribute.int(masks.endMask),
      ellipsis_mask: attribute.int(masks.ellipsisMask),
      new_axis_mask: attribute.int(masks.newAxisMask),
      shrink_axis_mask: attribute.int(masks.shrinkAxisMask),
    }),
  ),
  kernel<Inputs<'x'>, tf.PadV2Attrs>('PadV2', (backend, { x }, { paddings, constantValue }) =>
    backend.run('PadV2', [
      x,
      backend.constant('int32', [paddings.length, 2], paddings.flat()),
      backend.constant(x.dtype, [], [constantValue]),
    ]),
  ),
  kernel<Inputs<'x'>, tf.MirrorPadAttrs>('MirrorPad', (backend, { x }, { paddings, mode }) =>
    backend.run('MirrorPad', [x, backend.constant('int32', [paddings.length, 2], paddings.flat())], {
      mode: mode.toUpperCase(),
    }),
  ),
  kernel<Inputs<'x'>, tf.TileAttrs>('Tile', (backend, { x }, { reps }) => backend.run('Tile', [x, backend.ints(reps)])),
  kernel<Inputs<'x'>, tf.BroadCastToAttrs>('BroadcastTo', (backend, { x }, { shape }) =>
    backend.run('BroadcastTo', [x, backend.ints(shape)]),
  ),
  kernel<Inputs<'x'>, tf.ReverseAttrs>('Reverse', (backend, { x }, { dims }) => {
    const axes = tf.util.parseAxisParam(dims, x.shape);
    return axes.length === 0 || x.shape.length === 0
      ? backend.alias(x)
      : backend.run('ReverseV2', [x, backend.ints(axes)]);
  }),
  kernel<Inputs<'x'>, tf.SplitVAttrs>('SplitV', (backend, { x }, { numOrSizeSplits, axis }) => {
    const [at] = tf.util.parseAxisParam(axis, x.shape) as [number];
    const sizes = tf.backend_util.prepareSplitSize(x, numOrSizeSplits, at);
    return backend.runAll('SplitV', [x, backend.ints(sizes), backend.int(at)], {
      num_split: attribute.int(sizes.length),
    });
  }),
  kernel<object, tf.FillAttrs>('Fill', (backend, _inputs, { shape, value, dtype }) => {
    if (typeof value === 'string') {
      const text = tf.util.encodeString(value);
      return backend.fromValues(shape, 'string', new Array<Uint8Array>(tf.util.sizeFromShape(shape)).fill(text));
    }
    const type = (dtype ?? tf.util.inferDtype(value)) as DataType;
    return backend.run('Fill', [backend.ints(shape), backend.constant(type, [], [value])]);
  }),
  kernel<object, tf.RangeAttrs>('Range', (backend, _inputs, { start, stop, step, dtype }) => {
    const count = start === stop ? 0 : Math.max(0, Math.ceil((stop - start) / (step || 1)));
    const direction = start > stop && step === 1 ? -1 : step;
    const length = direction === step ? count : Math.ceil(Math.abs(stop - start));
    const values = range(length, (i) => start + i * direction);
    return backend.fromValues([length], dtype, dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values));
  }),
  kernel<object, tf.LinSpaceAttrs>('LinSpace', (backend, _inputs, { start, stop, num }) => {
    const step = (stop - start) / (num - 1);
    return backend.fromValues([num], 'float32', Float32Array.from(range(num, (i) => start + (i === 0 ? 0 : i * step))));
  }),
  kernel<Inputs<'x'>, tf.DepthToSpaceAttrs>('DepthToSpace', (backend, { x }, { blockSize, dataFormat }) =>
    backend.run('DepthToSpace', [x], { block_size: attribute.int(blockSize), data_format: dataFormat }),
  ),
  kernel<Inputs<'x'>, tf.SpaceToBatchNDAttrs>('SpaceToBatchND', (backend, { x }, { blockShape, paddings }) =>
    backend.run('SpaceToBatchND', [
      x,
      backend.ints(blockShape),
      backend.constant('int32', [paddings.length, 2], paddings.flat()),
    ]),
  ),
  kernel<Inputs<'x'>, tf.BatchToSpaceNDAttrs>('BatchToSpaceND', (backend, { x }, { blockShape, crops }) =>
    backend.run('BatchToSpaceND', [
      x,
      backend.ints(blockShape),
      backend.constant('int32', [crops.length, 2], crops.flat()),
    ]),
  ),
];
