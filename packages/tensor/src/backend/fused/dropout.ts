import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { dropoutKernel } from '../../ops/dropout.js';
import { kernel } from '../kernel.js';
import { elements } from './elements.js';

type Attributes = Record<'rate' | 'seed' | 'stream', number>;

export const dropoutKernels = [
  kernel<{ x: TensorInfo }, Attributes>(dropoutKernel, (backend, { x }, { rate, seed, stream }) => {
    const y = backend.output(x.shape);
    loadAddon().dropout({ count: elements(x), x: backend.floats(x), rate, seed, stream, y: backend.floats(y) });
    return y;
  }),
];
