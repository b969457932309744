import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import type { NumericArray, NumericType } from '../ScmoeBackend.js';
import { isNumeric } from './dtypes.js';
import { standardKernel } from './standardKernel.js';

/** The addon has one function for each operation: `unaryExp`, ...; `p` and `q` are the operation's own numbers. */
export type UnaryFunction = (x: NumericArray, out: NumericArray, p?: number, q?: number) => void;

export function unaryFunction(kernelName: string): UnaryFunction {
  return loadAddon<Record<string, UnaryFunction>>()[`unary${kernelName}`]!;
}

interface UnaryOptions {
  kernels: string[];
  dtypes: NumericType[];
  /** Where the result is of another dtype than the operand. */
  result?: NumericType;
  /** Attributes that are the operation's own numbers, in native order. */
  attributes?: string[];
}

const groups: UnaryOptions[] = [
  {
    kernels: [
      ...['Exp', 'Expm1', 'Log', 'Log1p', 'Sqrt', 'Rsqrt', 'Reciprocal', 'Sin', 'Cos', 'Tanh', 'Sigmoid', 'Erf'],
      ...['Softplus', 'Floor', 'Ceil', 'Round', 'Elu', 'Selu'],
    ],
    dtypes: ['float32'],
  },
  { kernels: ['Neg', 'Abs', 'Square', 'Sign', 'Relu', 'Relu6'], dtypes: ['float32', 'int32'] },
  { kernels: ['Step'], dtypes: ['float32', 'int32'], attributes: ['alpha'] },
  { kernels: ['LeakyRelu'], dtypes: ['float32'], attributes: ['alpha'] },
  { kernels: ['ClipByValue'], dtypes: ['float32', 'int32'], attributes: ['clipValueMin', 'clipValueMax'] },
  { kernels: ['IsNan', 'IsInf', 'IsFinite'], dtypes: ['float32'], result: 'bool' },
  { kernels: ['LogicalNot'], dtypes: ['bool'] },
];

export const unaryKernels: tf.KernelConfig[] = groups.flatMap(({ kernels, dtypes, result, attributes = [] }) =>
  kernels.map((name) =>
    standardKernel<{ x: tf.TensorInfo }, Record<string, number>>(name, (backend, { x }, given) => {
      const [p, q] = attributes;
      if (!isNumeric(x) || !dtypes.includes(x.dtype)) return undefined;
      const out = backend.output(x.shape, result ?? x.dtype);
      unaryFunction(name)(backend.values(x), backend.values(out), p ? given[p] : undefined, q ? given[q] : undefined);
      return out;
    }),
  ),
);
