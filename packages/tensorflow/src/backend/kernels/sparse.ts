import type * as tf from '@tensorflow/tfjs';

import { attribute } from '../../binding/Attribute.js';
import { kernel, type Inputs } from '../kernel.js';
import { castTo } from './castTo.js';

/** Counts, places in sorted rows, and matrices of few elements. */
export const sparseKernels: tf.KernelConfig[] = [
  kernel<Inputs<'x' | 'weights'>, tf.BincountAttrs>('Bincount', (backend, { x, weights }, { size }) =>
    backend.run('Bincount', [castTo(backend, x, 'int32'), backend.int(size), weights]),
  ),
  kernel<Inputs<'x' | 'weights'>, tf.DenseBincountAttrs>(
    'DenseBincount',
    (backend, { x, weights }, { size, binaryOutput = false }) =>
      backend.run('DenseBincount', [castTo(backend, x, 'int32'), backend.int(size), weights], {
        binary_output: binaryOutput,
      }),
  ),
  kernel<Inputs<'x'>>('Diag', (backend, { x }) => {
    if (x.dtype !== 'bool') return backend.run('Diag', [x]);
    return castTo(backend, backend.run('Diag', [castTo(backend, x, 'int32')]), 'bool');
  }),
  kernel<Inputs<'sortedSequence' | 'values'>, tf.SearchSortedAttrs>(
    'SearchSorted',
    (backend, { sortedSequence, values }, { side }) =>
      backend.run(side === 'left' ? 'LowerBound' : 'UpperBound', [sortedSequence, values], {
        out_type: attribute.type('int32'),
      }),
  ),
  kernel<Inputs<'sparseIndices' | 'sparseValues' | 'defaultValue'>, tf.SparseToDenseAttrs>(
    'SparseToDense',
    (backend, { sparseIndices, sparseValues, defaultValue }, { outputShape }) =>
      backend.run(
        'SparseToDense',
        [castTo(backend, sparseIndices, 'int32'), backend.ints(outputShape), sparseValues, defaultValue],
        { validate_indices: false },
      ),
  ),
];
