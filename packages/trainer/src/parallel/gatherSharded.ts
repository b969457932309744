import type { Communicator } from '@scmoe/comm';
import * as tf from '@tensorflow/tfjs';

/**
 * The whole of what the ranks of an expert group hold in parts: sharded tensors joined along their first axis, in the
 * order of the ranks, which is that of the global expert ids; replicated ones as they are. What one rank would hold,
 * and what a checkpoint holds (docs/decisions.md#whole-checkpoints).
 * Every rank of the group calls it, with the same names in the same order.
 *
 * @returns tensors by name, the caller's to dispose; nothing on ranks other than 0, which only send
 */
export async function gatherSharded(
  tensors: Record<string, tf.Tensor>,
  { group, isSharded }: { group: Communicator; isSharded: (name: string) => boolean },
): Promise<Record<string, tf.Tensor>> {
  const whole: Record<string, tf.Tensor> = {};
  const sharded = group.size > 1 ? Object.entries(tensors).find(([name]) => isSharded(name)) : undefined;
  const shares = sharded && [...(await group.allGather(Int32Array.of(sharded[1].shape[0])).done)];
  for (const [name, tensor] of Object.entries(tensors)) {
    const joined = shares && isSharded(name) ? await gatherShares(tensor, shares, group) : tensor.clone();
    if (group.rank === 0) whole[name] = joined;
    else joined.dispose();
  }
  return whole;
}

/** Parts of several lengths travel as long as the longest, and are cut after. */
async function gatherShares(tensor: tf.Tensor, shares: readonly number[], group: Communicator): Promise<tf.Tensor> {
  const longest = Math.max(...shares);
  if (shares.every((share) => share === longest)) return group.allGather(tensor).done;
  const missing = longest - tensor.shape[0];
  const padded = tf.tidy(() =>
    tf.pad(tensor, [[0, missing], ...tensor.shape.slice(1).map((): [number, number] => [0, 0])]),
  );
  const gathered = await group.allGather(padded).done;
  padded.dispose();
  const joined = tf.tidy(() => tf.concat(shares.map((share, rank) => tf.slice(gathered, rank * longest, share))));
  gathered.dispose();
  return joined;
}
