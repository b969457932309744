import * as tf from '@tensorflow/tfjs';

import type { ScmoeBackend } from './ScmoeBackend.js';

/** Name under which TF.js knows the native CPU backend (no underscore: kernel setup would silently find nothing). */
export const backendName = 'scmoe';

export type KernelResult = tf.TensorInfo | tf.TensorInfo[];

export type Run<Inputs, Attributes, Result = KernelResult> = (
  backend: ScmoeBackend,
  inputs: Inputs,
  attributes: Attributes,
) => Result;

/**
 * A TF.js kernel of the scmoe backend. `Inputs` and `Attributes` are what the op passes to `runKernel`. One that throws
 * leaves nothing allocated.
 */
export function kernel<Inputs, Attributes = object>(kernelName: string, run: Run<Inputs, Attributes>): tf.KernelConfig {
  return unguardedKernel<Inputs, Attributes>(kernelName, (backend, inputs, attributes) =>
    backend.guard(run, inputs, attributes),
  );
}

/** The same where `run` itself sees to what an error leaves behind. */
export function unguardedKernel<Inputs, Attributes>(kernelName: string, run: Run<Inputs, Attributes>): tf.KernelConfig {
  return {
    kernelName,
    backendName,
    kernelFunc: ({ inputs, backend, attrs }) =>
      run(backend as ScmoeBackend, inputs as unknown as Inputs, (attrs ?? {}) as unknown as Attributes),
  };
}
