import type { Communicator } from '@scmoe/comm';
import * as tf from '@tensorflow/tfjs';

import type { ParameterPlacement } from './RankGroups.js';

/** The ranks between which tensors are shared out, and how. */
export interface GatherOptions extends ParameterPlacement {
  /** The expert group. */
  group: Communicator;
  /** Neighbours in it that hold a slice each of the same experts. Default: 1. */
  shards?: number;
  /** The tensor-parallel group, whose first rank is that of the expert group. Default: everything that is no expert is whole. */
  tensor?: Communicator;
}

/**
 * The whole of what the ranks of an expert group hold in parts: sharded tensors joined along their first axis, in the
 * order of the ranks, which is that of the global expert ids; sliced ones along the axis of their slices; replicated ones as they
 * are. What one rank would hold, and what a checkpoint holds (docs/decisions.md#whole-checkpoints).
 * Every rank of the group calls it, with the same names in the same order.
 *
 * @returns tensors by name, the caller's to dispose; nothing on ranks other than 0, which only send
 */
export async function gatherSharded(
  tensors: Record<string, tf.Tensor>,
  { group, shards = 1, tensor: slices, isSharded, slicedAxis = () => undefined }: GatherOptions,
): Promise<Record<string, tf.Tensor>> {
  const whole: Record<string, tf.Tensor> = {};
  const sharded = group.size > 1 ? Object.entries(tensors).find(([name]) => isSharded(name)) : undefined;
  const shares = sharded && [...(await group.allGather(Int32Array.of(sharded[1].shape[0])).done)];
  for (const [name, tensor] of Object.entries(tensors)) {
    const axis = slicedAxis(name);
    const joined =
      shares && isSharded(name)
        ? await gatherShares(tensor, shares, { group, shards, axis })
        : slices && axis !== undefined && !isSharded(name)
          ? await gatherSlices(tensor, axis, slices)
          : tensor.clone();
    if (group.rank === 0) whole[name] = joined;
    else joined.dispose();
  }
  return whole;
}

/** Parts of several lengths travel as long as the longest, and are cut after. */
async function gatherShares(
  tensor: tf.Tensor,
  shares: readonly number[],
  { group, shards, axis }: { group: Communicator; shards: number; axis: number | undefined },
): Promise<tf.Tensor> {
  const longest = Math.max(...shares);
  if (shards === 1 && shares.every((share) => share === longest)) return group.allGather(tensor).done;
  const missing = longest - tensor.shape[0];
  const padded = tf.tidy(() =>
    tf.pad(tensor, [[0, missing], ...tensor.shape.slice(1).map((): [number, number] => [0, 0])]),
  );
  const gathered = await group.allGather(padded).done;
  padded.dispose();
  const joined = tf.tidy(() => {
    const parts = shares.map((share, rank) => tf.slice(gathered, rank * longest, share));
    const runs = parts.filter((_, rank) => rank % shards === 0);
    // What is not cut is the same on all that hold slices.
    if (shards === 1 || axis === undefined) return tf.concat(runs);
    return tf.concat(runs.map((_, run) => tf.concat(parts.slice(run * shards, (run + 1) * shards), axis)));
  });
  gathered.dispose();
  return joined;
}

async function gatherSlices(tensor: tf.Tensor, axis: number, group: Communicator): Promise<tf.Tensor> {
  const gathered = await group.allGather(tensor).done;
  const joined = tf.tidy(() => tf.concat(tf.split(gathered, group.size), axis));
  gathered.dispose();
  return joined;
}
