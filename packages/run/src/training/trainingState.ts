import { isExpertParameter, tensorAxis } from '@scmoe/layer';
import {
  type Checkpoint,
  type CheckpointContent,
  gatherSharded,
  type Optimizer,
  type RankGroups,
  restoreOptimizer,
  restoreVariables,
  shardStored,
} from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import type { RunModel } from './RunModel.js';

/** What is saved of a training, and restored. */
export interface TrainingState {
  model: RunModel;
  optimizer: Optimizer;
  groups: RankGroups | undefined;
}

/** Takes over what a checkpoint holds of the parameters and the optimizer, of experts and slices this rank's alone. */
export function restoreState(
  { model, optimizer, groups }: TrainingState,
  checkpoint: Pick<Checkpoint, 'index' | 'parameters' | 'optimizerState'>,
): void {
  // A part holds this rank's experts alone.
  const isWhole = checkpoint.index.part === undefined;
  const { rank, size } = (isWhole && groups?.experts) || { rank: 0, size: 1 };
  const own = {
    ...{ rank, size, isSharded: isExpertParameter },
    ...(isWhole && groups && { shards: groups.expertShards, tensor: groups.tensor, slicedAxis: tensorAxis }),
  };
  restoreVariables({ ...model.variables, ...model.buffers }, shardStored(checkpoint.parameters, own));
  const optimizerState = shardStored(checkpoint.optimizerState, own);
  restoreOptimizer(optimizer, model.variables, { index: checkpoint.index, optimizerState });
}

/** Parameters and optimizer as this rank holds them. The parameters are the model's own; the caller disposes the others. */
export function ownState({
  model,
  optimizer,
}: Omit<TrainingState, 'groups'>): Pick<CheckpointContent, 'parameters' | 'optimizer'> {
  return {
    parameters: { ...model.variables, ...model.buffers },
    optimizer: { ...described(optimizer), state: optimizer.state() },
  };
}

/**
 * Parameters and optimizer as one rank would hold them, experts by global id: a checkpoint does not show how many ranks
 * have trained. Every rank calls it; what rank 0 is given has to be saved, and disposed.
 */
export async function wholeState({
  model,
  optimizer,
  groups,
}: TrainingState): Promise<Pick<CheckpointContent, 'parameters' | 'optimizer'>> {
  const own = optimizer.state();
  const whole = async (tensors: Record<string, tf.Tensor>) =>
    groups
      ? gatherSharded(tensors, {
          ...{ group: groups.experts, shards: groups.expertShards, tensor: groups.tensor },
          ...{ isSharded: isExpertParameter, slicedAxis: tensorAxis },
        })
      : Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor.clone()]));
  const state = {
    parameters: await whole({ ...model.variables, ...model.buffers }),
    optimizer: { ...described(optimizer), state: await whole(own) },
  };
  tf.dispose(own);
  return state;
}

function described({ name, stepCount, bfloat16Slots }: Optimizer): Omit<CheckpointContent['optimizer'], 'state'> {
  return { name, stepCount, ...(bfloat16Slots && { bfloat16Slots }) };
}
