import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { ContextOptions, TensorFlowBinding } from '../binding/TensorFlowBinding.js';
import { openTensorFlow } from '../install/openTensorFlow.js';
import { hostKernels, orOnHost } from './hostKernels.js';
import { backendName } from './kernel.js';
import { operationKernels } from './kernels/index.js';
import { TensorFlowBackend } from './TensorFlowBackend.js';

/** Below those that a program may have brought for itself; who wants it asks for it. */
const priority = 0;

let registered: TensorFlowBinding | undefined;

/**
 * Registers the backend `tensorflow` with TF.js, over an installed TensorFlow that is opened now; a second call gives what the
 * first has opened.
 *
 * @returns the binding below the backend
 * @throws ScmoeError in one sentence where TensorFlow is not there or can't be used, or tfjs-node has taken the name
 */
export function registerBackend(options: ContextOptions = {}): TensorFlowBinding {
  if (registered !== undefined && tf.findBackendFactory(backendName) !== null) return registered;
  if (tf.findBackendFactory(backendName) !== null)
    throw new ScmoeError(
      `a backend '${backendName}' is registered already, by tfjs-node perhaps; import one of the two`,
    );
  const binding = openTensorFlow(options);
  // The later one of a name wins.
  const configs = [...hostKernels(), ...operationKernels.map(orOnHost)];
  for (const config of new Map(configs.map((config) => [config.kernelName, config])).values())
    tf.registerKernel(config);
  tf.registerBackend(backendName, () => new TensorFlowBackend(binding), priority);
  return (registered = binding);
}
