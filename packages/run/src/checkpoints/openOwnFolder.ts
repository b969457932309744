import { basename, join } from 'node:path';

import { gatherText } from '@scmoe/layer';
import {
  createRunFolder,
  fileError,
  type JsonObject,
  listPartFolders,
  lockRun,
  makeFolder,
  partFolder,
  type RunFolder,
  runFolderAt,
  runFolderOf,
  type RunLock,
  setAsideCheckpoints,
} from '@scmoe/trainer';

import { say } from '../cli/Terminal.js';
import type { Start } from '../training/openStart.js';

/** The run's folder as this rank has it. */
export interface OwnFolder {
  /** The folder that this rank writes to; undefined where it writes nothing. */
  run: RunFolder | undefined;
  /** The right to write there: rank 0's for the run, another's for its own parts. */
  lock: RunLock | undefined;
}

/**
 * Opens the run's folder, new or that of its checkpoint: on rank 0, and with `local` on every rank, whose disks it has the
 * same name on. Checkpoints after the step that the run goes on from are set aside. Every rank calls it.
 *
 * @throws UserError where it can't be written, or somebody else writes there
 */
export async function openOwnFolder(
  { options, ranks, checkpoint, step }: Start,
  { config, local }: { config: JsonObject; local: boolean },
): Promise<OwnFolder> {
  const { rank, size, groups, terminal } = ranks;
  const opened = checkpoint && runFolderOf(checkpoint.path);
  const takeOver = async (folder: string) => {
    const lock = await lockRun(folder);
    if (lock.takenOverFrom) say(terminal, `taken over from a process that is gone: ${lock.takenOverFrom}`);
    return lock;
  };
  const setAside = async (folder: string) => {
    const aside = await setAsideCheckpoints(folder, step);
    if (aside) say(terminal, `checkpoints after step ${step} are in ${aside} now`);
  };
  if (rank === 0) {
    const run = opened ?? (await createRunFolder(options.runDir, options.name, config));
    const lock = await takeOver(run.path);
    const { checkpointsFolder } = run;
    await setAside(checkpointsFolder);
    // Of parts here those that no other rank looks after: what is newer than the run would be taken for its end.
    for (const part of await listPartFolders(checkpointsFolder)) {
      if (!local || part.rank === 0 || part.rank >= size) await setAside(part.path);
    }
    if (local) await gatherText(groups!.world, basename(run.path));
    return { run, lock };
  }
  if (!local) return { run: undefined, lock: undefined };
  const [name] = await gatherText(groups!.world, '');
  const run = opened ?? runFolderAt(join(options.runDir, name!));
  const own = partFolder(run.checkpointsFolder, rank);
  await makeFolder(own).catch((error: unknown) => {
    throw fileError(`make ${own}`, error);
  });
  const lock = await takeOver(own);
  await setAside(own);
  return { run, lock };
}
