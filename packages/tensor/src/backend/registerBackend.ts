import * as tf from '@tensorflow/tfjs';

import { findAddon } from '../addon/loadAddon.js';
import { fusedKernels } from './fused/index.js';
import { javaScriptKernels } from './javascriptKernel.js';
import { backendName } from './kernel.js';
import { standardKernels } from './kernels/index.js';
import { ScmoeBackend } from './ScmoeBackend.js';

/**
 * Above cpu (1), whose kernels it has, and below wasm (2) and tensorflow (3): a program that brings one of these may live on
 * kernels that are JavaScript here, and keeps it until it asks `useBackend` for another.
 */
const priority = 1.5;

/**
 * Registers the backend `scmoe` and its kernels with TF.js where the addon can be used, over TF.js's own backend `cpu`;
 * does nothing elsewhere.
 */
export function registerBackend(): void {
  if (tf.findBackendFactory(backendName) !== null || tf.findBackendFactory('cpu') === null || !findAddon().addon)
    return;
  // The later one of a name wins.
  const configs = [...javaScriptKernels(), ...standardKernels, ...fusedKernels];
  for (const config of new Map(configs.map((config) => [config.kernelName, config])).values())
    tf.registerKernel(config);
  tf.registerBackend(backendName, () => new ScmoeBackend(), priority);
}
