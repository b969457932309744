import type * as tf from '@tensorflow/tfjs';

import { attribute, type Attributes } from '../../binding/Attribute.js';
import { kernel, type Inputs } from '../kernel.js';
import type { TensorFlowBackend } from '../TensorFlowBackend.js';
import { castTo } from './castTo.js';

/** Runs a product, its operands rounded to bf16 where the backend is told to. */
export function product(
  backend: TensorFlowBackend,
  operation: string,
  [a, b]: readonly [tf.TensorInfo, tf.TensorInfo],
  attributes: Attributes,
): tf.TensorInfo {
  if (backend.products === 'float32' || a.dtype !== 'float32') return backend.run(operation, [a, b], attributes);
  const rounded = [castTo(backend, a, 'bfloat16'), castTo(backend, b, 'bfloat16')];
  return castTo(backend, backend.run(operation, rounded, attributes), 'float32');
}

/** The activations of TF.js's fused kernels. */
export function activate(
  backend: TensorFlowBackend,
  x: tf.TensorInfo,
  activation: string | undefined,
  { prelu, leakyreluAlpha }: { prelu?: tf.TensorInfo | undefined; leakyreluAlpha?: number | undefined },
): tf.TensorInfo {
  switch (activation) {
    case undefined:
    case null as unknown as string:
    case 'linear':
      return x;
    case 'leakyrelu':
      return backend.run('LeakyRelu', [x], { alpha: attribute.float(leakyreluAlpha ?? 0.2) });
    case 'prelu': {
      const isNegative = backend.run('Less', [x, backend.constant('float32', [], [0])]);
      return backend.run('SelectV2', [isNegative, backend.run('Mul', [prelu!, x]), x]);
    }
    default:
      return backend.run({ relu: 'Relu', relu6: 'Relu6', elu: 'Elu', sigmoid: 'Sigmoid' }[activation]!, [x]);
  }
}

/** Products of matrices. */
export const productKernels: tf.KernelConfig[] = [
  kernel<Inputs<'a' | 'b'>, tf.BatchMatMulAttrs>('BatchMatMul', (backend, { a, b }, { transposeA, transposeB }) =>
    product(backend, 'BatchMatMulV2', [a, b], { adj_x: transposeA, adj_y: transposeB }),
  ),
  kernel<tf._FusedMatMulInputs, tf._FusedMatMulAttrs>(
    '_FusedMatMul',
    (backend, { a, b, bias, preluActivationWeights }, { transposeA, transposeB, activation, leakyreluAlpha }) => {
      const y = product(backend, 'BatchMatMulV2', [a, b], { adj_x: transposeA, adj_y: transposeB });
      const sum = bias == null ? y : backend.run('AddV2', [y, bias]);
      return activate(backend, sum, activation, { prelu: preluActivationWeights, leakyreluAlpha });
    },
  ),
  kernel<tf.TensorInfo[], tf.EinsumAttrs>('Einsum', (backend, inputs, { equation }) =>
    backend.run('Einsum', [Object.values(inputs)], { equation: equation.replace(/\s/g, '') }),
  ),
];
