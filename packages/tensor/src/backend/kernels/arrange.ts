import * as tf from '@tensorflow/tfjs';

import type { ScmoeBackend } from '../ScmoeBackend.js';
import { axesOf, axisOf } from './axes.js';
import { isNumeric, sameShape, sizeOf } from './dtypes.js';
import { standardKernel } from './standardKernel.js';
import { transposed } from './transposed.js';
import { copyStrided, maxRank, stridesOf } from './walk.js';

const transpose = standardKernel<{ x: tf.TensorInfo }, { perm: number[] }>('Transpose', (backend, { x }, { perm }) => {
  if (!isNumeric(x) || x.shape.length > maxRank) return undefined;
  // Of axes that come twice the addon would make other numbers than TF.js.
  if (perm.length !== x.shape.length || !axesOf(perm, x.shape)) return undefined;
  return transposed(backend, x, perm);
});

/** Joins tensors along `axis`; empty ones add nothing. */
function concatenate(backend: ScmoeBackend, inputs: tf.TensorInfo[], axis: number): tf.TensorInfo | undefined {
  const first = inputs[0]!;
  if (!isNumeric(first) || inputs.some((t) => t.dtype !== first.dtype)) return undefined;
  const shapes = inputs.map((t) => t.shape);
  tf.backend_util.assertParamsConsistent(shapes, axis);
  const shape = tf.backend_util.computeOutShape(shapes, axis);
  const out = backend.output(shape, first.dtype);
  const outer = sizeOf(shape.slice(0, axis));
  const rowOfOutput = sizeOf(shape.slice(axis));
  let offset = 0;
  for (const input of inputs) {
    const row = sizeOf(input.shape.slice(axis));
    copyStrided(
      { values: backend.values(input), strides: [row, 1] },
      { values: backend.values(out), offset, strides: [rowOfOutput, 1] },
      [outer, row],
    );
    offset += row;
  }
  return out;
}

const concat = standardKernel<tf.TensorInfo[], { axis: number }>('Concat', (backend, inputs, { axis }) => {
  if (!Array.isArray(inputs)) return undefined;
  const along = axisOf(axis, inputs[0]!.shape);
  return along === undefined ? undefined : concatenate(backend, inputs, along);
});

const pack = standardKernel<tf.TensorInfo[], { axis: number }>('Pack', (backend, inputs, { axis }) => {
  if (!Array.isArray(inputs)) return undefined;
  const { shape } = inputs[0]!;
  const at = axis < 0 ? axis + shape.length + 1 : axis;
  if (!Number.isInteger(at) || at < 0 || at > shape.length) return undefined;
  if (inputs.some((t) => !sameShape(t.shape, shape))) return undefined;
  const expanded = shape.toSpliced(at, 0, 1);
  return concatenate(
    backend,
    inputs.map(({ dataId, dtype }) => ({ dataId, dtype, shape: expanded })),
    at,
  );
});

const tile = standardKernel<{ x: tf.TensorInfo }, { reps: number[] }>('Tile', (backend, { x }, { reps }) => {
  // Every dimension becomes two: the repetitions, which stay in place in x, and the dimension itself.
  const sizes = x.shape.flatMap((size, d) => [reps[d]!, size]);
  if (!isNumeric(x) || sizes.length > maxRank) return undefined;
  const out = backend.output(
    x.shape.map((size, d) => size * reps[d]!),
    x.dtype,
  );
  copyStrided(
    { values: backend.values(x), strides: stridesOf(x.shape).flatMap((stride) => [0, stride]) },
    { values: backend.values(out), strides: stridesOf(sizes) },
    sizes,
  );
  return out;
});

const pad = standardKernel<{ x: tf.TensorInfo }, { paddings: [number, number][]; constantValue: number }>(
  'PadV2',
  (backend, { x }, { paddings, constantValue }) => {
    if (!isNumeric(x) || x.shape.length > maxRank || !paddings.flat().every(Number.isInteger)) return undefined;
    const shape = paddings.map(([before, after], d) => before + x.shape[d]! + after);
    const out = backend.lastingOutput(shape, x.dtype);
    const strides = stridesOf(shape);
    const values = backend.values(out);
    values.fill(constantValue);
    copyStrided(
      { values: backend.values(x), strides: stridesOf(x.shape) },
      { values, offset: paddings.reduce((sum, [before], d) => sum + before * strides[d]!, 0), strides },
      x.shape,
    );
    return out;
  },
);

export const arrangeKernels: tf.KernelConfig[] = [transpose, concat, pack, tile, pad];
