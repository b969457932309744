import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { roundToBf16Kernel } from '../../weights/roundToBf16.js';
import { kernel } from '../kernel.js';
import { elements } from './elements.js';

export const roundToBf16Kernels = [
  kernel<{ x: TensorInfo }>(roundToBf16Kernel, (backend, { x }) => {
    if (backend.bits(x)) return backend.alias(x);
    const rounded = backend.roundedOutput(x.shape);
    const dOut = elements(x);
    // Panels of one row are the numbers in order.
    const sizes = { count: 1, dIn: 1, dOut, blocks: 1 };
    const from = backend.floats(x);
    if (dOut > 0) loadAddon().storeWeight({ ...sizes, from, weight: backend.bits(rounded)!, scales: undefined });
    return rounded;
  }),
];
