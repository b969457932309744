import type { KernelConfig } from '@tensorflow/tfjs';

import { attentionKernels } from './attention.js';
import { optimizerKernels } from './optimizer.js';

/** Native kernels of the fused operations in `src/ops`, forward and backward. */
export const fusedKernels: KernelConfig[] = [...attentionKernels, ...optimizerKernels];
