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
    const lying = backend.transposed(weight)?.[0];
    // Exactly these numbers, in as few bytes, and read as they are.
    if (format === 'bfloat16' && lying?.format === 'bf16') return backend.alias(weight);
    const stored = backend.storedOutput(weight.shape, sizes, { isInt8: format === 'int8' });
    if (elements(weight) === 0) return stored;
    const [{ weight: to, scales }] = backend.stored(stored)!;
    // Numbers that lie otherwise are put in order for this alone.
    const ordered = lying && backend.output(weight.shape);
    if (ordered) {
      backend.refuseCapture('it puts a weight in order');
      const { format, matrices } = lying;
      loadAddon().expandTransposed({ ...sizes, format, weight: matrices, to: backend.floats(ordered) });
    }
    const from = backend.floats(ordered ?? weight);
    const isFinite = loadAddon().storeWeight({ ...sizes, blocks: scaleBlocks(dIn), from, weight: to, scales });
    if (ordered) backend.disposeData(ordered.dataId);
    if (!isFinite) throw notFiniteError();
    return stored;
  }),
];
