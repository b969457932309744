import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { UserError } from '@scmoe/errors';

import { indexFile } from './CheckpointIndex.js';
import { listPartFolders, listStepFolders } from './listCheckpoints.js';
import { readIndex } from './readIndex.js';

/**
 * The newest checkpoint under a path, which may be a checkpoint itself, a run folder or its `checkpoints/`. One that was
 * damaged since it was saved is found too, its index deleted even: it is for `loadCheckpoint` to say so.
 *
 * @throws UserError when there is none.
 */
export async function findCheckpoint(path: string): Promise<string> {
  const here = resolve(path);
  if ((await modified(join(here, indexFile))) !== undefined) return here;
  if ((await modified(here)) === undefined) throw new UserError(`There is no checkpoint ${path}: it does not exist.`);
  for (const folder of [join(here, 'checkpoints'), here]) {
    const newest = await newestCheckpoint(folder);
    if (newest !== undefined) return newest;
  }
  throw new UserError(
    `${path} holds no checkpoint: expected a run folder, or a folder step-<number> with ${indexFile}; a folder of transformers would have a config.json with a model_type.`,
  );
}

/**
 * The newest checkpoint in a folder of them, whether it is whole or was damaged; undefined where there is none. Where ranks
 * have saved a part each, and there is nothing newer that has no parts, it is the part of the first rank that has it.
 */
export async function newestCheckpoint(folder: string): Promise<string | undefined> {
  let newest = (await listStepFolders(folder)).at(-1);
  for (const { path } of await listPartFolders(folder)) {
    const part = (await listStepFolders(path)).at(-1);
    if (part && part.step > (newest?.step ?? -1)) newest = part;
  }
  return newest?.path;
}

/**
 * The newest checkpoint of all runs in a folder, by the time it was saved.
 *
 * @param program whose they are: those without its own setting are passed over
 * @throws UserError when no run has one.
 */
export async function findLatestCheckpoint(
  runs: string,
  { ownSetting }: { ownSetting?: string } = {},
): Promise<string> {
  let newest: { path: string; time: number } | undefined;
  for (const name of await readdir(runs).catch(() => [] as string[])) {
    const path = await newestCheckpoint(join(runs, name, 'checkpoints'));
    const time = path && ((await modified(join(path, indexFile))) ?? (await modified(path)));
    if (time && time > (newest?.time ?? -Infinity) && (await hasSetting(path, ownSetting))) newest = { path, time };
  }
  if (!newest) throw new UserError(`There is no run yet under ${runs}: no folder in it has a checkpoint.`);
  return resolve(newest.path);
}

/** One whose index can't be read is for `loadCheckpoint` to judge. */
async function hasSetting(path: string, setting: string | undefined): Promise<boolean> {
  if (setting === undefined) return true;
  return readIndex(path).then(
    ({ config }) => Object.hasOwn(config, setting),
    () => true,
  );
}

async function modified(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}
