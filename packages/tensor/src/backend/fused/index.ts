import type { KernelConfig } from '@tensorflow/tfjs';

/** Native kernels of the fused operations in `src/ops`, forward and backward. */
export const fusedKernels: KernelConfig[] = [];
