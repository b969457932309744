import * as tf from '@tensorflow/tfjs';
import type { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';

/**
 * Class of TF.js's own backend `cpu`, taken from the backend that is registered: importing tfjs-backend-cpu registers all
 * of its kernels once more, with a warning for each, where another copy of it has come with TF.js.
 */
export const CpuBackend = (tf.findBackendFactory('cpu')?.().constructor ??
  tf.KernelBackend) as unknown as typeof MathBackendCPU;
