import type { Communicator } from '@scmoe/comm';
import type * as tf from '@tensorflow/tfjs';

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
  for (const [name, tensor] of Object.entries(tensors)) {
    const joined = isSharded(name) && group.size > 1 ? await group.allGather(tensor).done : tensor.clone();
    if (group.rank === 0) whole[name] = joined;
    else joined.dispose();
  }
  return whole;
}
