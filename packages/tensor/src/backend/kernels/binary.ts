import type { TensorFunctions } from '@scmoe/native/signatures';
import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import type { NumericArray, NumericType, ScmoeBackend } from '../ScmoeBackend.js';
import { isNumeric, sameShape, sizeOf } from './dtypes.js';
import { standardKernel } from './standardKernel.js';
import { broadcastWalk, flatWalk } from './walk.js';

/** An operation of the addon on two operands that a walk over the result's dimensions reads. */
export type BinaryFunction = (args: {
  a: NumericArray;
  b: NumericArray;
  out: NumericArray;
  walk: Float64Array;
}) => void;

/** The addon has one function for each operation: `binaryAdd`, `binarySub`, ... */
export function binaryFunction(kernelName: BinaryName): BinaryFunction {
  return loadAddon()[`binary${kernelName}`] as BinaryFunction;
}

type NamesAfter<Prefix extends string, Name> = Name extends `${Prefix}${infer Rest}` ? Rest : never;
export type BinaryName = NamesAfter<'binary', keyof TensorFunctions>;

interface BinaryOptions {
  kernels: BinaryName[];
  dtypes: NumericType[];
  /** Where the result is of another dtype than the operands. */
  result?: NumericType;
  operands?: [string, string];
  /** Nothing is broadcast. */
  isOneShape?: boolean;
}

/** Operations on two tensors with broadcasting. Mixed dtypes go to the JavaScript kernel. */
const groups: BinaryOptions[] = [
  {
    kernels: ['Add', 'Sub', 'Multiply', 'RealDiv', 'Maximum', 'Minimum', 'SquaredDifference', 'Pow', 'Mod'],
    dtypes: ['float32', 'int32'],
  },
  { kernels: ['FloorDiv'], dtypes: ['float32', 'int32'], result: 'int32' },
  { kernels: ['Atan2'], dtypes: ['float32'] },
  { kernels: ['Prelu'], dtypes: ['float32'], operands: ['x', 'alpha'] },
  { kernels: ['EluGrad'], dtypes: ['float32'], operands: ['dy', 'y'], isOneShape: true },
  {
    kernels: ['Equal', 'NotEqual', 'Less', 'LessEqual', 'Greater', 'GreaterEqual'],
    dtypes: ['float32', 'int32', 'bool'],
    result: 'bool',
  },
  { kernels: ['LogicalAnd', 'LogicalOr'], dtypes: ['bool'] },
];

export const binaryKernels: tf.KernelConfig[] = groups.flatMap(
  ({ kernels, dtypes, result, operands: [left, right] = ['a', 'b'], isOneShape }) =>
    kernels.map((name) =>
      standardKernel<Record<string, tf.TensorInfo>>(name, (backend, inputs) => {
        const a = inputs[left]!;
        const b = inputs[right]!;
        if (a.dtype !== b.dtype || !isNumeric(a) || !dtypes.includes(a.dtype)) return undefined;
        if (isOneShape && !sameShape(a.shape, b.shape)) return undefined;
        return runBinary(backend, binaryFunction(name), a, b, result ?? a.dtype);
      }),
    ),
);

/** The result, or undefined where the shapes don't fit: the JavaScript kernel says so. */
function runBinary(
  backend: ScmoeBackend,
  run: BinaryFunction,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  dtype: NumericType,
): tf.TensorInfo | undefined {
  const { shape, walk } = sameShape(a.shape, b.shape)
    ? { shape: a.shape, walk: flatWalk(sizeOf(a.shape)) }
    : (broadcastWalk(a.shape, b.shape) ?? {});
  if (!shape || !walk) return undefined;
  const out = backend.output(shape, dtype);
  run({ a: backend.values(a), b: backend.values(b), out: backend.values(out), walk });
  return out;
}

/** Sum of tensors of one shape. */
export const addNKernel = standardKernel<tf.TensorInfo[]>('AddN', (backend, inputs) => {
  const first = inputs[0]!;
  if (first.dtype !== 'float32' && first.dtype !== 'int32') return undefined;
  if (inputs.length === 1) return backend.alias(first);
  if (inputs.some((t) => t.dtype !== first.dtype || !sameShape(t.shape, first.shape))) return undefined;
  const add = binaryFunction('Add');
  const out = backend.output(first.shape, first.dtype);
  const sum = backend.values(out);
  const walk = flatWalk(sum.length);
  add({ a: backend.values(first), b: backend.values(inputs[1]!), out: sum, walk });
  for (let i = 2; i < inputs.length; i++) add({ a: sum, b: backend.values(inputs[i]!), out: sum, walk });
  return out;
});
