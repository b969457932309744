import type { Communicator } from '@scmoe/comm';
import { UserError } from '@scmoe/errors';
import {
  broadcastStored,
  type Checkpoint,
  type CheckpointIndex,
  type CheckpointWriterOptions,
  listStepFolders,
  loadCheckpoint,
  openCheckpointWriter,
  type RankGroups,
  setAsideCheckpoints,
} from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { wholeState } from '../training/trainingState.js';
import type { Restorable, RunCheckpoints } from './RunCheckpoints.js';

/**
 * Checkpoints in one folder that rank 0 writes: what one rank would have saved, with the experts of all.
 *
 * @param folder on rank 0
 * @param checkOwner is asked before each checkpoint, and throws where the folder is another's by now
 */
export function openSharedCheckpoints(
  folder: string | undefined,
  groups: RankGroups | undefined,
  { checkOwner, ...options }: CheckpointWriterOptions & { checkOwner: () => void },
): RunCheckpoints {
  const writer = folder === undefined ? undefined : openCheckpointWriter(folder, options);
  return {
    folder,
    save: async ({ model, optimizer: own, beside, isLast: _, ...description }) => {
      const { parameters, optimizer } = await wholeState({ model, optimizer: own, groups });
      try {
        checkOwner();
        await writer?.save({ ...description, parameters, optimizer }, { beside });
      } finally {
        tf.dispose([parameters, optimizer.state]);
      }
    },
    check: () => writer?.check(),
    finish: async () => writer?.finish(),
    close: async () => writer?.close(),
    goBack: async (say) => {
      await writer?.finish();
      const own = folder === undefined ? undefined : await lastWhole(folder, say);
      // Rank 0 reads it: the others need not see its disk.
      const checkpoint = await shareCheckpoint(own, groups?.world);
      if (checkpoint && folder !== undefined) await setAsideCheckpoints(folder, checkpoint.index.step);
      return checkpoint;
    },
  };
}

async function lastWhole(folder: string, say: (line: string) => void): Promise<Checkpoint | undefined> {
  const path = (await listStepFolders(folder)).at(-1)?.path;
  if (path === undefined) return undefined;
  try {
    return await loadCheckpoint(path, { fallback: ({ message }) => say(message) });
  } catch (error) {
    // The others wait for an answer.
    if (!(error instanceof UserError)) throw error;
    say(error.message);
    return undefined;
  }
}

/** What rank 0 has, on every rank. */
async function shareCheckpoint(
  own: Checkpoint | undefined,
  world: Communicator | undefined,
): Promise<Restorable | undefined> {
  if (!world) return own;
  type Beside = { index: CheckpointIndex } | null;
  const isChief = world.rank === 0;
  const of = (tensors: Checkpoint['parameters'] | undefined) =>
    broadcastStored<Beside>(
      isChief ? { beside: own ? { index: own.index } : null, tensors: tensors ?? {} } : undefined,
      world,
    );
  const { beside, tensors: parameters } = await of(own?.parameters);
  const { tensors: optimizerState } = await of(own?.optimizerState);
  return beside ? { index: beside.index, parameters, optimizerState } : undefined;
}
