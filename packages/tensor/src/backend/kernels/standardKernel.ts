import type * as tf from '@tensorflow/tfjs';

import { runJavaScriptKernel } from '../javascriptKernel.js';
import { unguardedKernel, type KernelResult, type Run } from '../kernel.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';

/**
 * Native version of one of TF.js's own kernels. `run` returns undefined for what it leaves to the JavaScript kernel of
 * the same name: complex numbers, strings, mixed or rare dtypes.
 *
 * Arguments that make no sense need no check in `run`: the addon refuses whatever would leave its arrays, and then the
 * JavaScript kernel has its turn, which says what is wrong or gives what TF.js gives. Only what the addon would take and
 * compute something else from has to be seen here (a repeated axis of a transposition).
 */
export function standardKernel<Inputs extends object, Attributes extends object = object>(
  kernelName: string,
  run: Run<Inputs, Attributes, KernelResult | undefined>,
): tf.KernelConfig {
  return unguardedKernel<Inputs, Attributes>(
    kernelName,
    (backend, inputs, attributes) =>
      attempt(backend, run, inputs, attributes) ?? runJavaScriptKernel(kernelName, backend, inputs, attributes),
  );
}

function attempt<Inputs, Attributes>(
  backend: ScmoeBackend,
  run: Run<Inputs, Attributes, KernelResult | undefined>,
  inputs: Inputs,
  attributes: Attributes,
): KernelResult | undefined {
  try {
    return backend.guard(run, inputs, attributes);
  } catch {
    return undefined;
  }
}
