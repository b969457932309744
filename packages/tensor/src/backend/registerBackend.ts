import * as tf from '@tensorflow/tfjs';

import { findAddon } from '../addon/loadAddon.js';
import { fusedKernels } from './fused/index.js';
import { backendName } from './kernel.js';
import { standardKernels } from './kernels/index.js';
import { ScmoeBackend } from './ScmoeBackend.js';

/** Registers the backend `scmoe` and its kernels with TF.js where the addon can be used; does nothing elsewhere. */
export function registerBackend(): void {
  if (tf.findBackendFactory(backendName) !== null || !findAddon().addon) return;
  tf.copyRegisteredKernels('cpu', backendName);
  for (const config of [...standardKernels, ...fusedKernels]) {
    if (tf.getKernel(config.kernelName, backendName)) tf.unregisterKernel(config.kernelName, backendName);
    tf.registerKernel(config);
  }
  tf.registerBackend(backendName, () => new ScmoeBackend(), 4);
}
