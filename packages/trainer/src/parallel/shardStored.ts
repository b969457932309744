import { runOfRank } from '@scmoe/comm';
import { UserError } from '@scmoe/errors';

import type { StoredTensors } from '../checkpoint/loadCheckpoint.js';
import type { ParameterPlacement } from './RankGroups.js';
import { sliceAlong } from './sliceAlong.js';

/** A rank's place among those that share tensors out, and how they do. */
export interface StoredPlacement extends ParameterPlacement {
  /** Its place in the expert group. */
  rank: number;
  size: number;
  /** Neighbours in it that hold a slice each of the same experts. Default: 1. */
  shards?: number;
  /** Its place in the tensor-parallel group. Default: everything that is no expert is whole. */
  tensor?: { rank: number; size: number };
}

/**
 * One rank's part of what a checkpoint holds: of sharded tensors the entries along the first axis that belong to `rank`
 * out of `size`, as `runOfRank` of @scmoe/comm says, of sliced ones its slice, of others all. The bits stay what they are.
 *
 * @throws UserError naming a tensor with fewer entries than ranks, or of a size that the ranks do not divide
 */
export function shardStored(
  stored: StoredTensors,
  { rank, size, shards = 1, tensor = { rank: 0, size: 1 }, isSharded, slicedAxis = () => undefined }: StoredPlacement,
): StoredTensors {
  if (size === 1 && tensor.size === 1) return stored;
  const numRuns = size / shards;
  return Object.fromEntries(
    Object.entries(stored).map(([name, whole]) => {
      const isExpert = isSharded(name);
      const slices = isExpert ? { rank: rank % shards, size: shards } : tensor;
      const own = isExpert ? runOf(name, whole, { rank: Math.floor(rank / shards), size: numRuns }) : whole;
      const axis = slices.size > 1 ? slicedAxis(name) : undefined;
      // A communicator tells its place by getters, which are not its own: a spread would lose them.
      return [name, axis === undefined ? own : sliceOf(name, own, { axis, rank: slices.rank, size: slices.size })];
    }),
  );
}

type Stored = StoredTensors[string];

function runOf(name: string, whole: Stored, { rank, size }: { rank: number; size: number }): Stored {
  const [total = 0, ...rest] = whole.shape;
  if (total < size) {
    throw new UserError(`${name}: expected at least one expert for each of ${size} ranks, got ${total}.`, {
      exitCode: 2,
    });
  }
  const { first, count } = runOfRank(total, { rank, size });
  const entry = whole.data.length / total;
  const data = whole.data.subarray(first * entry, (first + count) * entry);
  return { ...whole, data, shape: [count, ...rest] };
}

function sliceOf(
  name: string,
  whole: Stored,
  { axis, rank, size }: { axis: number; rank: number; size: number },
): Stored {
  const length = whole.shape[axis] ?? 0;
  if (length % size !== 0) {
    throw new UserError(`${name}: expected a size on axis ${axis} that ${size} ranks divide, got ${length}.`, {
      exitCode: 2,
    });
  }
  const count = length / size;
  const { data, shape } = sliceAlong(whole as { data: Float32Array; shape: number[] }, axis, {
    first: rank * count,
    count,
  });
  return { ...whole, data, shape: [...shape] };
}
