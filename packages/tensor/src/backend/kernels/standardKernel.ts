import type * as tf from '@tensorflow/tfjs';

import { runJavaScriptKernel } from '../javascriptKernel.js';
import { kernel } from '../kernel.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';

type Result = tf.TensorInfo | tf.TensorInfo[];

/**
 * Native version of one of TF.js's own kernels. `run` returns undefined for what it leaves to the JavaScript kernel of
 * the same name: complex numbers, strings, mixed or rare dtypes, and what deserves its error message.
 */
export function standardKernel<Inputs extends object, Attributes extends object = object>(
  kernelName: string,
  run: (backend: ScmoeBackend, inputs: Inputs, attributes: Attributes) => Result | undefined,
): tf.KernelConfig {
  return kernel<Inputs, Attributes>(
    kernelName,
    (backend, inputs, attributes) =>
      run(backend, inputs, attributes) ?? runJavaScriptKernel(kernelName, backend, inputs, attributes),
  );
}
