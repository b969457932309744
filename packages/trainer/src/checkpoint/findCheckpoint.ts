import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { UserError } from '@scmoe/errors';

import { indexFile } from './CheckpointIndex.js';
import { listCheckpoints } from './listCheckpoints.js';

/**
 * The newest complete checkpoint under a path, which may be a checkpoint itself, a run folder or its `checkpoints/`.
 *
 * @throws UserError when there is none.
 */
export async function findCheckpoint(path: string): Promise<string> {
  const here = resolve(path);
  if ((await modified(join(here, indexFile))) !== undefined) return here;
  if ((await modified(here)) === undefined) throw new UserError(`There is no checkpoint ${path}: it does not exist.`);
  for (const folder of [join(here, 'checkpoints'), here]) {
    const newest = (await listCheckpoints(folder)).at(-1);
    if (newest) return newest.path;
  }
  throw new UserError(
    `${path} holds no complete checkpoint: expected a run folder, or a folder step-<number> with ${indexFile}.`,
  );
}

/**
 * The newest complete checkpoint of all runs in a folder, by the time it was saved.
 *
 * @throws UserError when no run has one.
 */
export async function findLatestCheckpoint(runs: string): Promise<string> {
  let newest: { path: string; time: number } | undefined;
  for (const name of await readdir(runs).catch(() => [] as string[])) {
    const checkpoint = (await listCheckpoints(join(runs, name, 'checkpoints'))).at(-1);
    const time = checkpoint && (await modified(join(checkpoint.path, indexFile)));
    if (time !== undefined && time > (newest?.time ?? -Infinity)) newest = { path: checkpoint!.path, time };
  }
  if (!newest) throw new UserError(`There is no run to resume: no complete checkpoint under ${runs}.`);
  return resolve(newest.path);
}

async function modified(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}
