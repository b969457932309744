import type { TensorFunctions } from '@scmoe/native/signatures';
import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import type { NumericArray, NumericType } from '../ScmoeBackend.js';
import { isNumeric } from './dtypes.js';
import { standardKernel } from './standardKernel.js';

/** An operation of the addon, with numbers of its own where it has some: `alpha`, `least`, `greatest`. */
export type UnaryFunction = (args: {
  count: number;
  x: NumericArray;
  out: NumericArray;
  [number: string]: number | NumericArray;
}) => void;

/** The addon has one function for each operation: `unaryExp`, ... */
export function unaryFunction(kernelName: UnaryName): UnaryFunction {
  return loadAddon()[`unary${kernelName}`] as UnaryFunction;
}

type NamesAfter<Prefix extends string, Name> = Name extends `${Prefix}${infer Rest}` ? Rest : never;
export type UnaryName = NamesAfter<'unary', keyof TensorFunctions>;

interface UnaryOptions {
  kernels: UnaryName[];
  dtypes: NumericType[];
  /** Where the result is of another dtype than the operand. */
  result?: NumericType;
  /** The operation's own numbers, by their native names: the attributes that they are. */
  numbers?: Record<string, string>;
}

const groups: UnaryOptions[] = [
  {
    // prettier-ignore
    kernels: [
      'Exp', 'Expm1', 'Log', 'Log1p', 'Sqrt', 'Rsqrt', 'Reciprocal', 'Sin', 'Cos', 'Tanh', 'Sigmoid', 'Erf',
      'Softplus', 'Floor', 'Ceil', 'Round', 'Elu', 'Selu',
    ],
    dtypes: ['float32'],
  },
  { kernels: ['Neg', 'Abs', 'Square', 'Sign', 'Relu', 'Relu6'], dtypes: ['float32', 'int32'] },
  { kernels: ['Step'], dtypes: ['float32', 'int32'], numbers: { alpha: 'alpha' } },
  { kernels: ['LeakyRelu'], dtypes: ['float32'], numbers: { alpha: 'alpha' } },
  {
    kernels: ['ClipByValue'],
    dtypes: ['float32', 'int32'],
    numbers: { least: 'clipValueMin', greatest: 'clipValueMax' },
  },
  { kernels: ['IsNan', 'IsInf', 'IsFinite'], dtypes: ['float32'], result: 'bool' },
  { kernels: ['LogicalNot'], dtypes: ['bool'] },
];

export const unaryKernels: tf.KernelConfig[] = groups.flatMap(({ kernels, dtypes, result, numbers = {} }) =>
  kernels.map((name) =>
    standardKernel<{ x: tf.TensorInfo }, Record<string, number>>(name, (backend, { x }, given) => {
      if (!isNumeric(x) || !dtypes.includes(x.dtype)) return undefined;
      const out = backend.output(x.shape, result ?? x.dtype);
      const values = backend.values(x);
      const own = Object.entries(numbers).map(([native, attribute]) => [native, given[attribute]]);
      unaryFunction(name)({
        count: values.length,
        x: values,
        out: backend.values(out),
        ...(Object.fromEntries(own) as Record<string, number>),
      });
      return out;
    }),
  ),
);
