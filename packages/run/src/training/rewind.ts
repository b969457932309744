import { UserError } from '@scmoe/errors';
import {
  broadcastStored,
  type Checkpoint,
  type CheckpointIndex,
  loadCheckpoint,
  newestCheckpoint,
  setAsideCheckpoints,
} from '@scmoe/trainer';

import type { Parts } from './buildParts.js';
import type { Session } from './openSession.js';
import type { Start } from './openStart.js';
import { restoreState } from './trainingState.js';

/**
 * Takes model and optimizer back to the run's last whole checkpoint, on all ranks: rank 0 reads it, the others need not see
 * its disk. Every rank calls it.
 *
 * @param say is told of checkpoints that are passed over because they are damaged
 * @returns the step of the checkpoint; undefined where there is none
 */
export async function rewind(
  { ranks: { groups } }: Start,
  { model, optimizer, balancer, monitor }: Parts,
  { folder, writer }: Session,
  say: (line: string) => void,
): Promise<number | undefined> {
  balancer.reset();
  monitor.reset();
  await writer?.finish();
  const own = folder && (await lastWhole(folder.checkpointsFolder, say));
  const checkpoint = await shareCheckpoint(own, groups?.world);
  if (!checkpoint) return undefined;
  if (folder) await setAsideCheckpoints(folder.checkpointsFolder, checkpoint.index.step);
  restoreState({ model, optimizer, groups }, checkpoint);
  return checkpoint.index.step;
}

async function lastWhole(folder: string, say: (line: string) => void): Promise<Checkpoint | undefined> {
  const path = await newestCheckpoint(folder);
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
  world: Parameters<typeof broadcastStored>[1] | undefined,
): Promise<Pick<Checkpoint, 'index' | 'parameters' | 'optimizerState'> | undefined> {
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
