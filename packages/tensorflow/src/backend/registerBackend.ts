import * as tf from '@tensorflow/tfjs';

import type { ContextOptions } from '../binding/TensorFlowBinding.js';
import { openTensorFlow } from '../install/openTensorFlow.js';
import { hostKernels } from './hostKernels.js';
import { backendName } from './kernel.js';
import { operationKernels } from './kernels/index.js';
import { TensorFlowBackend } from './TensorFlowBackend.js';

/** Below those that a program may have brought for itself; who wants it asks for it. */
const priority = 0;

/**
 * Registers the backend `tensorflow` with TF.js, over an installed TensorFlow that is opened now. Does nothing where a backend
 * of that name is registered.
 *
 * @throws ScmoeError in one sentence where TensorFlow is not there, or can't be used
 */
export function registerBackend(options: ContextOptions = {}): void {
  if (tf.findBackendFactory(backendName) !== null) return;
  const binding = openTensorFlow(options);
  // The later one of a name wins.
  const configs = new Map([...hostKernels(), ...operationKernels].map((config) => [config.kernelName, config]));
  for (const config of configs.values()) tf.registerKernel(config);
  tf.registerBackend(backendName, () => new TensorFlowBackend(binding), priority);
}
