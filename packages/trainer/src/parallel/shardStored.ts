import { runOfRank } from '@scmoe/comm';
import { UserError } from '@scmoe/errors';

import type { StoredTensors } from '../checkpoint/loadCheckpoint.js';

/**
 * One rank's part of what a checkpoint holds: of sharded tensors the entries along the first axis that belong to `rank`
 * out of `size`, as `runOfRank` of @scmoe/comm says, of others all. The bits stay what they are.
 *
 * @throws UserError naming a tensor with fewer entries than ranks
 */
export function shardStored(
  stored: StoredTensors,
  { rank, size, isSharded }: { rank: number; size: number; isSharded: (name: string) => boolean },
): StoredTensors {
  if (size === 1) return stored;
  return Object.fromEntries(
    Object.entries(stored).map(([name, tensor]) => {
      if (!isSharded(name)) return [name, tensor];
      const [total = 0, ...rest] = tensor.shape;
      if (total < size) {
        throw new UserError(`${name}: expected at least one expert for each of ${size} ranks, got ${total}.`, {
          exitCode: 2,
        });
      }
      const { first, count } = runOfRank(total, { rank, size });
      const entry = tensor.data.length / total;
      const data = tensor.data.subarray(first * entry, (first + count) * entry);
      return [name, { ...tensor, data, shape: [count, ...rest] }];
    }),
  );
}
