import * as tf from '@tensorflow/tfjs';

import { attribute } from '../../binding/Attribute.js';
import { kernel, type Inputs } from '../kernel.js';
import { castTo } from './castTo.js';

interface Attributes {
  axis?: number | number[];
  reductionIndices?: number | number[];
  keepDims: boolean;
}

function reduction(name: string, operandType: (dtype: tf.DataType) => 'float32' | 'int32' | 'bool' | undefined) {
  return kernel<Inputs<'x'>, Attributes>(name, (backend, { x }, { axis, reductionIndices, keepDims = false }) => {
    const axes = tf.util.parseAxisParam((axis ?? reductionIndices)!, x.shape);
    const dtype = operandType(x.dtype);
    const operand = dtype === undefined ? x : castTo(backend, x, dtype);
    return backend.run(name, [operand, backend.ints(axes)], { keep_dims: keepDims });
  });
}

const boolAsInt = (dtype: tf.DataType) => (dtype === 'bool' ? 'int32' : undefined);

/** What makes fewer elements of many. */
export const reductionKernels: tf.KernelConfig[] = [
  ...['Sum', 'Prod', 'Max', 'Min'].map((name) => reduction(name, boolAsInt)),
  reduction('Mean', (dtype) => (dtype === 'complex64' ? undefined : 'float32')),
  ...['All', 'Any'].map((name) => reduction(name, () => 'bool')),
  ...['ArgMax', 'ArgMin'].map((name) =>
    kernel<Inputs<'x'>, { axis: number | number[] }>(name, (backend, { x }, { axis }) => {
      const [dimension] = tf.util.parseAxisParam(axis, x.shape) as [number];
      const operand = x.dtype === 'bool' ? castTo(backend, x, 'int32') : x;
      return backend.run(name, [operand, backend.int(dimension)], { output_type: attribute.type('int32') });
    }),
  ),
  ...['Cumsum', 'Cumprod'].map((name) =>
    kernel<Inputs<'x'>, tf.CumsumAttrs>(name, (backend, { x }, { axis, exclusive = false, reverse = false }) => {
      const operand = x.dtype === 'bool' ? castTo(backend, x, 'int32') : x;
      return backend.run(name, [operand, backend.int(axis)], { exclusive, reverse });
    }),
  ),
  kernel<Inputs<'x'>, tf.TopKAttrs>('TopK', (backend, { x }, { k, sorted }) =>
    backend.runAll('TopKV2', [x, backend.int(k)], { sorted }),
  ),
  kernel<{ logits: tf.TensorInfo }>('Softmax', (backend, { logits }) => backend.run('Softmax', [logits])),
  kernel<{ logits: tf.TensorInfo }>('LogSoftmax', (backend, { logits }) => backend.run('LogSoftmax', [logits])),
];
