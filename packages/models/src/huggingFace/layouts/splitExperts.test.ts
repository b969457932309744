import type { ElementRange, StoredTensor } from '@scmoe/tensor';

import type { PretrainedFolder } from '../folder/openFolder.js';
import { splitExperts } from './splitExperts.js';

const fused = 'model.layers.0.mlp.experts.gate_up_proj';
const names = { gate: 'gate_proj', up: 'up_proj', down: 'down_proj' };

/** A folder of two fused experts, gate and up of width 1 for a model of width 3, that notes what is read of it. */
function recordingFolder() {
  const reads: (ElementRange | undefined)[] = [];
  const all = Float32Array.from({ length: 12 }, (_, i) => i);
  const folder: PretrainedFolder = {
    path: 'folder',
    config: {},
    tensors: new Map([[fused, { dtype: 'F32', shape: [2, 2, 3] }]]),
    read: (_, elements): Promise<StoredTensor> => {
      reads.push(elements);
      const { begin, count } = elements ?? { begin: 0, count: all.length };
      return Promise.resolve({ dtype: 'F32', shape: [count], data: all.subarray(begin, begin + count) });
    },
    map: () => undefined,
    close: () => Promise.resolve(),
  };
  return { folder, reads };
}

describe('experts that are fused', () => {
  const nameOf = (expert: number, part: string) => `model.layers.0.mlp.experts.${expert}.${part}.weight`;

  it('are shown one by one, and no others are read', async () => {
    const { folder, reads } = recordingFolder();
    const view = splitExperts(folder, names);
    expect([...view.tensors.keys()]).toEqual(
      [0, 1].flatMap((expert) => ['gate_proj', 'up_proj'].map((part) => nameOf(expert, part))),
    );
    const up = await view.read(nameOf(1, 'up_proj'));
    expect([up.shape, Array.from(up.data as Float32Array)]).toEqual([
      [1, 3],
      [9, 10, 11],
    ]);
    expect(reads).toEqual([{ begin: 9, count: 3 }]);
  });

  it('are read in parts', async () => {
    const { folder, reads } = recordingFolder();
    const part = await splitExperts(folder, names).read(nameOf(0, 'up_proj'), { begin: 1, count: 2 });
    expect([part.shape, Array.from(part.data as Float32Array)]).toEqual([[2], [4, 5]]);
    expect(reads).toEqual([{ begin: 4, count: 2 }]);
  });
});
