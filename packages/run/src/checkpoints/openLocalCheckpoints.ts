import { randomBytes } from 'node:crypto';

import { gatherText } from '@scmoe/layer';
import {
  type CheckpointWriterOptions,
  openCheckpointWriter,
  partFolder,
  pruneCheckpoints,
  type RankGroups,
  saveCheckpoint,
  setAsideCheckpoints,
} from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { ownState, wholeState } from '../training/trainingState.js';
import { agreeOnPart, partOf } from './agreeOnPart.js';
import type { RunCheckpoints, SavedState } from './RunCheckpoints.js';

/** Options of `openLocalCheckpoints`. */
export interface LocalCheckpointsOptions extends Omit<CheckpointWriterOptions, 'pruneFirst'> {
  /** Is asked before each checkpoint, and throws where the folder is another's by now. */
  checkOwner: () => void;
}

/**
 * Checkpoints of which every rank saves its part in a folder of its own, `rank-1/` in that of its run's checkpoints, on
 * whatever disk that is: its shard of the experts, its slices, and a copy of all that every rank holds. Nothing travels, and each rank
 * goes on from its own files. The last one of a run is besides saved whole, in rank 0's folder. A checkpoint counts once all ranks have their part: only then those before it are removed.
 *
 * @param checkpoints the folder of the run's checkpoints on this rank
 */
export function openLocalCheckpoints(
  checkpoints: string,
  groups: RankGroups,
  { checkOwner, onSaved, ...retention }: LocalCheckpointsOptions,
): RunCheckpoints {
  const { world } = groups;
  const folder = partFolder(checkpoints, world.rank);
  const saved: { step: number; path: string }[] = [];
  const writer = openCheckpointWriter(folder, {
    ...retention,
    pruneFirst: true,
    onSaved: (checkpoint) => void saved.push(checkpoint),
  });

  /** Waits until the parts of all ranks are whole; the words that rank 0 has, on every rank. */
  const allWhole = async (words = ''): Promise<string> => {
    await writer.finish();
    const [chief] = await gatherText(world, words);
    for (const checkpoint of saved.splice(0)) await onSaved?.(checkpoint);
    return chief!;
  };

  /** What tools for one rank read, and any number of ranks goes on from. */
  const saveWhole = async ({
    model,
    optimizer: own,
    beside: _,
    isLast: __,
    ...description
  }: SavedState): Promise<void> => {
    const { parameters, optimizer } = await wholeState({ model, optimizer: own, groups });
    try {
      if (world.rank === 0) await saveCheckpoint(checkpoints, { ...description, parameters, optimizer }, retention);
    } finally {
      tf.dispose([parameters, optimizer.state]);
    }
  };

  return {
    folder,
    save: async (state) => {
      checkOwner();
      const id = await allWhole(randomBytes(8).toString('hex'));
      // Before the parts: a run whose parts say that it is complete has it.
      if (state.isLast) await saveWhole(state);
      const { model, optimizer: own, beside, isLast: _, ...description } = state;
      const part = { ...partOf(groups), id };
      const { parameters, optimizer } = ownState({ model, optimizer: own });
      try {
        await writer.save({ ...description, part, parameters, optimizer }, { beside });
      } finally {
        tf.dispose(optimizer.state);
      }
    },
    check: () => writer.check(),
    finish: async () => {
      await allWhole();
      await pruneCheckpoints(folder, retention);
    },
    close: () => writer.close(),
    goBack: async (say) => {
      await allWhole();
      const part = await agreeOnPart(folder, groups, { fallback: say, optional: true });
      if (part) await setAsideCheckpoints(folder, part.index.step);
      return part;
    },
  };
}
