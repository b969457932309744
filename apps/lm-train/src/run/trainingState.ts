import { isExpertParameter } from '@scmoe/layer';
import type { Gpt } from '@scmoe/models';
import type { AdamW } from '@scmoe/tensor';
import {
  type Checkpoint,
  type CheckpointContent,
  gatherSharded,
  type RankGroups,
  restoreOptimizer,
  restoreVariables,
  shardStored,
} from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

interface State {
  gpt: Gpt;
  optimizer: AdamW;
  groups: RankGroups | undefined;
}

/** Takes over what a checkpoint holds of the parameters and the optimizer, of the experts this rank's alone. */
export function restoreState({ gpt, optimizer, groups }: State, checkpoint: Checkpoint): void {
  const { rank, size } = groups?.experts ?? { rank: 0, size: 1 };
  const own = { rank, size, isSharded: isExpertParameter };
  restoreVariables({ ...gpt.variables, ...gpt.buffers }, shardStored(checkpoint.parameters, own));
  const optimizerState = shardStored(checkpoint.optimizerState, own);
  restoreOptimizer(optimizer, gpt.variables, { index: checkpoint.index, optimizerState });
}

/**
 * Parameters and optimizer as one rank would hold them, experts by global id: a checkpoint does not show how many ranks
 * have trained. Every rank calls it; what rank 0 is given has to be saved, and disposed.
 */
export async function wholeState({
  gpt,
  optimizer,
  groups,
}: State): Promise<Pick<CheckpointContent, 'parameters' | 'optimizer'>> {
  const moments = optimizer.state();
  const whole = async (tensors: Record<string, tf.Tensor>) =>
    groups
      ? gatherSharded(tensors, { group: groups.experts, isSharded: isExpertParameter })
      : Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor.clone()]));
  const state = {
    parameters: await whole({ ...gpt.variables, ...gpt.buffers }),
    optimizer: { name: 'AdamW', stepCount: optimizer.stepCount, state: await whole(moments) },
  };
  tf.dispose(moments);
  return state;
}
