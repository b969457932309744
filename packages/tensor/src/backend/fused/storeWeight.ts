import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { notFiniteError, scaleBlocks } from '../../weights/roundToFormat.js';
import { storeWeightKernel, type StoreWeightAttributes } from '../../weights/toWeightFormat.js';
import { kernel } from '../kernel.js';
import { elements } from './elements.js';

export const storeWeightKernels = [
  kernel<{ weight: TensorInfo }, StoreWeightAttributes>(storeWeightKernel, (backend, { weight }, { format }) => {
    const [dIn, dOut] = weight.shape.slice(-2) as [number, number];
    const count = weight.shape.length === 3 ? weight.shape[0]! : 1;
    const sizes = { count, dIn, dOut };
    const stored = backend.storedOutput(weight.shape, sizes, { isInt8: format === 'int8' });
    if (elements(weight) === 0) return stored;
    const [{ weight: to, scales }] = backend.stored(stored)!;
    const from = backend.floats(weight);
    const isFinite = loadAddon().storeWeight({ ...sizes, blocks: scaleBlocks(dIn), from, weight: to, scales });
    if (!isFinite) throw notFiniteError();
    return stored;
  }),
];
