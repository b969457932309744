import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { isNumeric, sizeOf } from './dtypes.js';
import { standardKernel } from './standardKernel.js';

// The same data under another shape: no copy, one more reference. Complex numbers have two parts and go to JavaScript.

const identity = standardKernel<{ x: tf.TensorInfo }>('Identity', (backend, { x }) => backend.alias(x));

const reshape = standardKernel<{ x: tf.TensorInfo }, { shape: number[] }>('Reshape', (backend, { x }, attributes) => {
  if (x.dtype === 'complex64') return undefined;
  const size = sizeOf(x.shape);
  const shape = tf.util.inferFromImplicitShape(attributes.shape, size);
  return sizeOf(shape) === size && shape.every(Number.isInteger) ? backend.alias(x, shape) : undefined;
});

const expandDims = standardKernel<{ input: tf.TensorInfo }, { dim: number }>(
  'ExpandDims',
  (backend, { input }, { dim }) => {
    const rank = input.shape.length;
    const at = dim < 0 ? rank + dim + 1 : dim;
    if (input.dtype === 'complex64' || !Number.isInteger(at) || at < 0 || at > rank) return undefined;
    return backend.alias(input, [...input.shape.slice(0, at), 1, ...input.shape.slice(at)]);
  },
);

/** Unlike tfjs-backend-cpu's, a widening cast converts: native kernels need the array that the dtype says. */
const cast = standardKernel<{ x: tf.TensorInfo }, { dtype: tf.DataType }>('Cast', (backend, { x }, { dtype }) => {
  const to = { ...x, dtype };
  if (!isNumeric(x) || !isNumeric(to)) return undefined;
  if (x.dtype === to.dtype) return backend.alias(x);
  const out = backend.output(x.shape, to.dtype);
  const values = backend.values(x);
  loadAddon().cast({ count: values.length, x: values, out: backend.values(out) });
  return out;
});

export const reshapeKernels: tf.KernelConfig[] = [identity, reshape, expandDims, cast];
