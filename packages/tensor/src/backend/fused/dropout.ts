import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { dropoutKernel, type DropoutOptions } from '../../ops/dropout.js';
import { kernel } from '../kernel.js';
import { elements } from './elements.js';

interface Functions {
  dropout: (count: number, x: Float32Array, rate: number, seed: number, stream: number, y: Float32Array) => void;
}

export const dropoutKernels = [
  kernel<{ x: TensorInfo }, Required<DropoutOptions>>(dropoutKernel, (backend, { x }, { rate, seed, stream }) => {
    const y = backend.output(x.shape);
    loadAddon<Functions>().dropout(elements(x), backend.floats(x), rate, seed, stream, backend.floats(y));
    return y;
  }),
];
