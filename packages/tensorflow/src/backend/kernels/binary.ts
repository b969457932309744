import type * as tf from '@tensorflow/tfjs';

import { kernel, type Inputs } from '../kernel.js';
import { castTo } from './castTo.js';
import { asFloat } from './unary.js';

/** TensorFlow's operations by the kernels' names; it broadcasts as TF.js does. */
const operations: Record<string, string> = {
  Add: 'AddV2',
  Sub: 'Sub',
  Multiply: 'Mul',
  Maximum: 'Maximum',
  Minimum: 'Minimum',
  Pow: 'Pow',
  SquaredDifference: 'SquaredDifference',
  Equal: 'Equal',
  NotEqual: 'NotEqual',
  Greater: 'Greater',
  GreaterEqual: 'GreaterEqual',
  Less: 'Less',
  LessEqual: 'LessEqual',
  BitwiseAnd: 'BitwiseAnd',
};

/** Operations on each pair of elements. */
export const binaryKernels: tf.KernelConfig[] = [
  ...Object.entries(operations).map(([name, operation]) =>
    kernel<Inputs<'a' | 'b'>>(name, (backend, { a, b }) => {
      if (a.dtype !== 'bool' || name.endsWith('qual')) return backend.run(operation, [a, b]);
      // Numbers for what has no order in TensorFlow.
      return backend.run(operation, [castTo(backend, a, 'int32'), castTo(backend, b, 'int32')]);
    }),
  ),
  kernel<Inputs<'a' | 'b'>>('RealDiv', (backend, { a, b }) =>
    backend.run('RealDiv', [asFloat(backend, a), asFloat(backend, b)]),
  ),
  // In floating point, where division by zero has a result; whole numbers up to 2^24 stay what they are.
  ...Object.entries({ FloorDiv: 'FloorDiv', Mod: 'FloorMod', Atan2: 'Atan2' }).map(([name, operation]) =>
    kernel<Inputs<'a' | 'b'>>(name, (backend, { a, b }) => {
      if (a.dtype === 'float32') return backend.run(operation, [a, b]);
      const exact = [a, b].map((x) => castTo(backend, x, 'float64'));
      return castTo(backend, backend.run(operation, exact), a.dtype as 'int32');
    }),
  ),
  ...['LogicalAnd', 'LogicalOr'].map((name) =>
    kernel<Inputs<'a' | 'b'>>(name, (backend, { a, b }) =>
      backend.run(name, [castTo(backend, a, 'bool'), castTo(backend, b, 'bool')]),
    ),
  ),
  kernel<tf.TensorInfo[]>('AddN', (backend, tensors) => backend.run('AddN', [Object.values(tensors)])),
  kernel<Inputs<'condition' | 't' | 'e'>>('Select', (backend, { condition, t, e }) => {
    const rank = t.shape.length;
    // A condition of rank one chooses rows, as TensorFlow's first Select did.
    const sizes = [...condition.shape, ...new Array<number>(Math.max(0, rank - condition.shape.length)).fill(1)];
    const isRows = condition.shape.length > 0 && condition.shape.length < rank;
    const chosen = isRows ? backend.run('Reshape', [condition, backend.ints(sizes)]) : condition;
    return backend.run('SelectV2', [chosen, t, e]);
  }),
];
