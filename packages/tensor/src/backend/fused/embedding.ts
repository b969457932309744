import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { embeddingGradKernel, embeddingKernel } from '../../ops/embedding.js';
import { kernel } from '../kernel.js';
import { elements } from './elements.js';

interface Functions {
  embeddingForward: (
    count: number,
    d: number,
    vocabSize: number,
    ids: Int32Array,
    table: Float32Array,
    out: Float32Array,
  ) => void;
  embeddingBackward: (
    count: number,
    d: number,
    vocabSize: number,
    ids: Int32Array,
    dOut: Float32Array,
    dTable: Float32Array,
  ) => void;
}

export const embeddingKernels = [
  kernel<{ ids: TensorInfo; table: TensorInfo }>(embeddingKernel, (backend, { ids, table }) => {
    const [vocabSize, d] = table.shape as [number, number];
    const out = backend.output([...ids.shape, d]);
    const { embeddingForward } = loadAddon<Functions>();
    embeddingForward(elements(ids), d, vocabSize, backend.ints(ids), backend.floats(table), backend.floats(out));
    return out;
  }),
  kernel<{ dOut: TensorInfo; ids: TensorInfo }, { vocabSize: number }>(
    embeddingGradKernel,
    (backend, { dOut, ids }, { vocabSize }) => {
      const d = dOut.shape.at(-1)!;
      const dTable = backend.output([vocabSize, d]);
      const { embeddingBackward } = loadAddon<Functions>();
      embeddingBackward(elements(ids), d, vocabSize, backend.ints(ids), backend.floats(dOut), backend.floats(dTable));
      return dTable;
    },
  ),
];
