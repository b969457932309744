import * as tf from '@tensorflow/tfjs';

import type { ScmoeBackend } from './ScmoeBackend.js';

/** Name under which TF.js knows the native CPU backend (no underscore: kernel setup would silently find nothing). */
export const backendName = 'scmoe';

type Run<Inputs, Attributes> = (
  backend: ScmoeBackend,
  inputs: Inputs,
  attributes: Attributes,
) => tf.TensorInfo | tf.TensorInfo[];

/** A TF.js kernel of the scmoe backend. `Inputs` and `Attributes` are what the op passes to `runKernel`. */
export function kernel<Inputs, Attributes = object>(kernelName: string, run: Run<Inputs, Attributes>): tf.KernelConfig {
  return {
    kernelName,
    backendName,
    kernelFunc: ({ inputs, backend, attrs }) =>
      run(backend as ScmoeBackend, inputs as unknown as Inputs, (attrs ?? {}) as unknown as Attributes),
  };
}
