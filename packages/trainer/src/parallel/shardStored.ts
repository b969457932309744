import { UserError } from '@scmoe/errors';

import type { StoredTensors } from '../checkpoint/loadCheckpoint.js';

/**
 * One rank's part of what a checkpoint holds: of sharded tensors the entries along the first axis that belong to `rank`
 * out of `size`, of others all. The bits stay what they are.
 *
 * @throws UserError naming a tensor that can't be shared out evenly
 */
export function shardStored(
  stored: StoredTensors,
  { rank, size, isSharded }: { rank: number; size: number; isSharded: (name: string) => boolean },
): StoredTensors {
  if (size === 1) return stored;
  return Object.fromEntries(
    Object.entries(stored).map(([name, tensor]) => {
      if (!isSharded(name)) return [name, tensor];
      const [count = 0, ...rest] = tensor.shape;
      if (count % size !== 0) {
        throw new UserError(`${name}: expected a number of experts that ${size} ranks can share, got ${count}.`, {
          exitCode: 2,
        });
      }
      const own = tensor.data.length / size;
      const data = tensor.data.subarray(rank * own, (rank + 1) * own);
      return [name, { ...tensor, data, shape: [count / size, ...rest] }];
    }),
  );
}
