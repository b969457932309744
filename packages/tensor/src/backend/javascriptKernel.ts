import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { expectEnd } from './endlessCalls.js';
import { unguardedKernel, type KernelResult } from './kernel.js';
import type { ScmoeBackend } from './ScmoeBackend.js';

/** Runs tfjs-backend-cpu's kernel of this name on tensors of the scmoe backend. One that throws leaves nothing allocated, and one that would not end is refused. */
export function runJavaScriptKernel(
  kernelName: string,
  backend: ScmoeBackend,
  inputs: object,
  attributes: object,
): KernelResult {
  const config = tf.getKernel(kernelName, 'cpu');
  if (!config) throw new ScmoeError(`tfjs-backend-cpu has no kernel ${kernelName}`);
  expectEnd(kernelName, inputs, attributes);
  return backend.runJavaScriptKernel(kernelName, () =>
    config.kernelFunc({ inputs: inputs as tf.NamedTensorInfoMap, backend, attrs: attributes as tf.NamedAttrMap }),
  );
}

/** All kernels of tfjs-backend-cpu, for the scmoe backend: what has no native version runs these. */
export function javaScriptKernels(): tf.KernelConfig[] {
  return tf.getKernelsForBackend('cpu').map((config) => ({
    ...config,
    ...unguardedKernel<object, object>(config.kernelName, (backend, inputs, attributes) =>
      runJavaScriptKernel(config.kernelName, backend, inputs, attributes),
    ),
  }));
}
