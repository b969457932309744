import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { isNumeric, sizeOf } from './dtypes.js';
import { standardKernel } from './standardKernel.js';

/** Softmax over the last axis, as TF.js has it. */
const softmax = standardKernel<{ logits: tf.TensorInfo }, { dim: number }>(
  'Softmax',
  (backend, { logits }, { dim }) => {
    const last = logits.shape.length - 1;
    const size = sizeOf(logits.shape);
    if (logits.dtype !== 'float32' || (dim !== -1 && dim !== last) || size === 0 || last < 0) return undefined;
    const out = backend.output(logits.shape);
    const columns = logits.shape[last]!;
    loadAddon().softmax({ rows: size / columns, columns, x: backend.floats(logits), out: backend.floats(out) });
    return out;
  },
);

const cumsum = standardKernel<{ x: tf.TensorInfo }, { axis: number; exclusive?: unknown; reverse?: unknown }>(
  'Cumsum',
  (backend, { x }, { axis, ...ways }) => {
    const along = axis < 0 ? axis + x.shape.length : axis;
    if (!isNumeric(x) || !Number.isInteger(axis) || along < 0 || along >= x.shape.length) return undefined;
    const out = backend.output(x.shape, x.dtype === 'float32' ? 'float32' : 'int32');
    const outer = sizeOf(x.shape.slice(0, along));
    const inner = sizeOf(x.shape.slice(along + 1));
    const count = x.shape[along]!;
    const values = backend.values(out) as Float32Array | Int32Array;
    // Whatever is true or false in JavaScript, as the kernel there reads it.
    const [exclusive, reverse] = [Boolean(ways.exclusive), Boolean(ways.reverse)];
    loadAddon().cumsum({ outer, count, inner, exclusive, reverse, x: backend.values(x), out: values });
    return out;
  },
);

/** Always sorted: TF.js leaves the order open where `sorted` is false. */
const topK = standardKernel<{ x: tf.TensorInfo }, { k: number }>('TopK', (backend, { x }, { k }) => {
  const columns = x.shape.at(-1)!;
  const rows = sizeOf(x.shape.slice(0, -1));
  if ((x.dtype !== 'float32' && x.dtype !== 'int32') || k < 1 || k > columns || rows === 0) return undefined;
  const shape = [...x.shape.slice(0, -1), k];
  const values = backend.output(shape, x.dtype);
  const indices = backend.output(shape, 'int32');
  loadAddon().topK({
    rows,
    columns,
    k,
    x: backend.values(x) as Float32Array | Int32Array,
    values: backend.values(values),
    indices: backend.ints(indices),
  });
  return [values, indices];
});

export const rowKernels: tf.KernelConfig[] = [softmax, cumsum, topK];
