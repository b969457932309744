import type { ElementRange, ReadMemory, StoredTensor } from '@scmoe/tensor';

import type { PretrainedFolder } from '../folder/openFolder.js';
import { tensorsOf, viewFolder, type ViewedTensor } from '../folder/viewFolder.js';

/** Names of an expert's projections in the layout that transformers publishes: `<experts>.<expert>.<name>.weight`. */
export interface ExpertNames {
  gate: string;
  up: string;
  down: string;
}

/**
 * Shows the experts of a folder one by one where it has them fused, as transformers 5 keeps them in memory and saves them
 * again whenever it loaded them so: `gate_up_proj` (experts, 2 width, model), gate first, and `down_proj` (experts, model,
 * width), without `.weight`. The layout is told by these names alone. Of a fused tensor no more is read than the experts that
 * are asked for.
 */
export function splitExperts(folder: PretrainedFolder, names: ExpertNames): PretrainedFolder {
  const tensors = tensorsOf(folder);
  for (const [name, { dtype, shape }] of folder.tensors) {
    const match = /^(.*\.experts)\.(gate_up_proj|down_proj)$/.exec(name);
    const isPair = match?.[2] === 'gate_up_proj';
    // Of another form it stays as it is, and is reported as a tensor that nobody expects.
    if (!match || shape.length !== 3 || shape.includes(0) || (isPair && shape[1]! % 2 !== 0)) continue;
    const [numExperts, rows, columns] = shape as [number, number, number];
    const parts = isPair ? [names.gate, names.up] : [names.down];
    const size = (rows / parts.length) * columns;
    tensors.delete(name);
    for (let expert = 0; expert < numExperts; expert++) {
      parts.forEach((part, i) => {
        const begin = (expert * parts.length + i) * size;
        const shape = [rows / parts.length, columns];
        const rangeOf = (elements?: ElementRange) => ({
          begin: begin + (elements?.begin ?? 0),
          count: elements?.count ?? size,
        });
        const read = async (elements?: ElementRange, memory?: ReadMemory): Promise<StoredTensor> => {
          const stored = await folder.read(name, rangeOf(elements), memory);
          return elements ? stored : { ...stored, shape };
        };
        const map = (elements?: ElementRange) => folder.map(name, rangeOf(elements));
        const piece: ViewedTensor = { dtype, shape, read, map };
        tensors.set(`${match[1]!}.${expert}.${part}.weight`, piece);
      });
    }
  }
  return viewFolder(folder, tensors);
}
