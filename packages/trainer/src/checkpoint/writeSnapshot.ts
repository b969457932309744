import { join } from 'node:path';

import { writePieces } from './durableFiles.js';
import { Pace } from './Pace.js';
import { pruneCheckpoints, type Retention } from './pruneCheckpoints.js';
import type { Snapshot } from './snapshot.js';
import { storeCheckpoint } from './storeCheckpoint.js';

/** What the writer's thread is asked for. */
export interface WriteJob {
  folder: string;
  snapshot: Snapshot;
  retention: Retention;
  /** Removes old checkpoints before it writes, not afterwards: see `CheckpointWriterOptions`. */
  pruneFirst?: boolean;
  /** Where something else is to be done meanwhile, which goes first: whether somebody waits for the checkpoint yet, see `Pace`. */
  hurry?: Int32Array;
}

/** What it answers: the checkpoint's folder, or what went wrong. */
export type WriteAnswer = { path: string } | { failure: { name: string; message: string; stack: string | undefined } };

/**
 * Writes a snapshot as a checkpoint. It knows no tensors, so a thread that does nothing else starts quickly.
 *
 * @returns the checkpoint's folder
 * @throws UserError that says why it can't be written
 */
export async function writeSnapshot({ folder, snapshot, retention, pruneFirst, hurry }: WriteJob): Promise<string> {
  const { index, files } = snapshot;
  const pace = hurry && new Pace(hurry);
  if (pruneFirst) await pruneCheckpoints(folder, retention);
  return storeCheckpoint(folder, {
    index,
    writeFiles: (temporary) => {
      const entries = Object.entries(files).map(([name, pieces]) => {
        return [name, writePieces(join(temporary, name), pieces, pace)] as const;
      });
      return Object.fromEntries(entries);
    },
    retention: pruneFirst ? {} : retention,
  });
}
