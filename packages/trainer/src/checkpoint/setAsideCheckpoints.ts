import { rename } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { fileError } from '../fileError.js';
import { makeUnusedFolder } from '../makeUnusedFolder.js';
import { checkpointName, listStepFolders } from './listCheckpoints.js';

/**
 * Moves the checkpoints after `step`, damaged ones too, into a folder of their own, `after-step-000123/`. A run that goes on from an earlier
 * step saves those steps anew: the old ones would be taken for newer, and what it saves pruned in their stead.
 *
 * @returns the folder they are in now; undefined where there are none
 * @throws UserError when they can't be moved
 */
export async function setAsideCheckpoints(folder: string, step: number): Promise<string | undefined> {
  const later = (await listStepFolders(folder)).filter((checkpoint) => checkpoint.step > step);
  if (later.length === 0) return undefined;
  try {
    const target = await makeUnusedFolder(join(folder, `after-${checkpointName(step)}`));
    // The newest first: a crash in between leaves none that would be taken for the end of the run.
    for (const { path } of later.reverse()) await rename(path, join(target, basename(path)));
    return target;
  } catch (error) {
    throw fileError(`set checkpoints of ${folder} aside`, error);
  }
}
