import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import type { NumericType, ScmoeBackend } from '../ScmoeBackend.js';
import { isNumeric, sameShape, sizeOf } from './dtypes.js';
import { standardKernel } from './standardKernel.js';

function filled(backend: ScmoeBackend, shape: number[], dtype: NumericType, value: number): tf.TensorInfo {
  const out = backend.lastingOutput(shape, dtype);
  backend.values(out).fill(value);
  return out;
}

const fill = standardKernel<object, { shape: number[]; value: number | string; dtype?: tf.DataType }>(
  'Fill',
  (backend, _inputs, { shape, value, dtype = tf.util.inferDtype(value) }) => {
    const info = { dataId: {}, shape, dtype };
    return isNumeric(info) && typeof value !== 'string' ? filled(backend, shape, info.dtype, Number(value)) : undefined;
  },
);

const [zerosLike, onesLike] = (['ZerosLike', 'OnesLike'] as const).map((name) =>
  standardKernel<{ x: tf.TensorInfo }>(name, (backend, { x }) =>
    isNumeric(x) ? filled(backend, x.shape, x.dtype, name === 'OnesLike' ? 1 : 0) : undefined,
  ),
);

interface RangeAttributes {
  start: number;
  stop: number;
  step: number;
  dtype: tf.DataType;
}

/** Each number is the one before it and a step, rounded, as in TF.js. */
const range = standardKernel<object, RangeAttributes>('Range', (backend, _inputs, { start, stop, step, dtype }) => {
  if (dtype !== 'float32' && dtype !== 'int32') return undefined;
  // Ranges that TF.js has an opinion of its own about: empty ones, and those whose step leads away.
  if (![start, stop, step].every(Number.isFinite) || !((stop - start) * step > 0)) return undefined;
  const out = backend.lastingOutput([Math.ceil((stop - start) / step)], dtype);
  const values = backend.values(out);
  values[0] = start;
  for (let i = 1; i < values.length; i++) values[i] = values[i - 1]! + step;
  return out;
});

interface OneHotAttributes {
  dtype: tf.DataType;
  depth: number;
  onValue: number;
  offValue: number;
}

const oneHot = standardKernel<{ indices: tf.TensorInfo }, OneHotAttributes>(
  'OneHot',
  (backend, { indices }, { dtype, depth, onValue, offValue }) => {
    const info = { dataId: {}, shape: [...indices.shape, depth], dtype };
    if (!isNumeric(info) || !isNumeric(indices)) return undefined;
    const out = backend.output(info.shape, info.dtype);
    const values = backend.values(out);
    const ids = backend.values(indices);
    backend.live(() => {
      values.fill(offValue);
      for (let i = 0; i < ids.length; i++) {
        const id = ids[i]!;
        if (id >= 0 && id < depth) values[i * depth + id] = onValue;
      }
    });
    return out;
  },
);

const select = standardKernel<{ condition: tf.TensorInfo; t: tf.TensorInfo; e: tf.TensorInfo }>(
  'Select',
  (backend, { condition, t, e }) => {
    if (condition.dtype !== 'bool' || !isNumeric(t) || e.dtype !== t.dtype) return undefined;
    if (sizeOf(condition.shape) !== sizeOf(t.shape) || !sameShape(t.shape, e.shape)) return undefined;
    // A list chooses rows.
    if (condition.shape.length === 1 && t.shape.length !== 1) return undefined;
    const out = backend.output(t.shape, t.dtype);
    loadAddon().select({
      count: sizeOf(t.shape),
      condition: backend.values(condition) as Uint8Array,
      whenTrue: backend.values(t),
      whenFalse: backend.values(e),
      out: backend.values(out),
    });
    return out;
  },
);

export const fillKernels: tf.KernelConfig[] = [fill, zerosLike!, onesLike!, range, oneHot, select];
