import type * as tf from '@tensorflow/tfjs';

import { fateOfKernel } from '../autodiff/recomputed.js';
import { kernel, type KernelResult, type Run } from './kernel.js';
import type { NumericType } from './ScmoeBackend.js';

/**
 * A kernel that a second pass (`recomputed`) runs only where it has to: what the first pass has kept is handed on, and what
 * nothing needs is left undefined.
 */
export function costlyKernel<Inputs, Attributes = object>(
  kernelName: string,
  run: Run<Inputs, Attributes>,
): tf.KernelConfig {
  return kernel<Inputs, Attributes>(kernelName, (backend, inputs, attributes): KernelResult => {
    const again = fateOfKernel(kernelName);
    if (!again || again.fate === 'run') return run(backend, inputs, attributes);
    if (again.fate === 'skip')
      return again.outputs.map(({ shape, dtype }) => backend.output(shape, dtype as NumericType));
    return again.fate.kept.map((tensor) => backend.alias(tensor));
  });
}
