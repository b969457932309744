import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { embeddingBackwardKernel, embeddingKernel } from '../../ops/embedding.js';
import { kernel } from '../kernel.js';
import { noteSquares } from '../sumsOfSquares.js';
import { elements } from './elements.js';

export const embeddingKernels = [
  kernel<{ ids: TensorInfo; table: TensorInfo }>(embeddingKernel, (backend, { ids, table }) => {
    const [vocabSize, d] = table.shape as [number, number];
    const out = backend.output([...ids.shape, d]);
    loadAddon().embeddingForward({
      count: elements(ids),
      d,
      vocabSize,
      ids: backend.ints(ids),
      table: backend.floats(table),
      out: backend.floats(out),
    });
    return out;
  }),
  kernel<{ dOut: TensorInfo; ids: TensorInfo; sum?: TensorInfo }, { vocabSize: number }>(
    embeddingBackwardKernel,
    (backend, { dOut, ids, sum }, { vocabSize }) => {
      const d = dOut.shape.at(-1)!;
      // Of `sum` the gradient is added to what is there, in the same memory.
      if (sum) noteSquares(sum.dataId, undefined);
      const dTable = sum ? backend.alias(sum) : backend.output([vocabSize, d]);
      loadAddon().embeddingBackward({
        count: elements(ids),
        d,
        vocabSize,
        ids: backend.ints(ids),
        dOut: backend.floats(dOut),
        adds: sum !== undefined,
        dTable: backend.floats(dTable),
      });
      return dTable;
    },
  ),
];
