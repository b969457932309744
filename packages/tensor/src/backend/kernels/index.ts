import type { KernelConfig } from '@tensorflow/tfjs';

/** TF.js's own kernels that have a native version; the others stay tfjs-backend-cpu's. */
export const standardKernels: KernelConfig[] = [];
