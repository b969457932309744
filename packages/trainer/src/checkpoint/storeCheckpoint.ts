import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { UserError } from '@scmoe/errors';

import { fileError } from '../fileError.js';
import { makeFolder } from '../makeFolder.js';
import { type CheckpointIndex, formatIndex, indexFile } from './CheckpointIndex.js';
import { flush, writeText } from './durableFiles.js';
import { checkpointName, listCheckpoints, temporaryName } from './listCheckpoints.js';
import { pruneCheckpoints, type Retention } from './pruneCheckpoints.js';

/** What one checkpoint is made of, where its files are for `writeFiles` to write. */
export interface CheckpointParts {
  index: Omit<CheckpointIndex, 'files'>;
  /** Writes the files into a folder, flushed, and describes them. */
  writeFiles: (folder: string) => CheckpointIndex['files'] | Promise<CheckpointIndex['files']>;
  retention: Retention;
}

/**
 * Makes `<folder>/step-000123/` of what `writeFiles` writes: everything goes to a temporary folder, is flushed and renamed,
 * so a checkpoint is whole or absent, and a failure leaves the earlier ones as they were. Old ones that `retention` does not
 * want go afterwards. It knows no tensors, so it runs in any thread.
 *
 * @returns the checkpoint's folder
 * @throws UserError that says what the file system does not allow, and which checkpoint is the last whole one
 */
export async function storeCheckpoint(
  folder: string,
  { index, writeFiles, retention }: CheckpointParts,
): Promise<string> {
  const target = join(folder, checkpointName(index.step));
  const temporary = join(folder, temporaryName(index.step));
  try {
    await makeFolder(folder);
    await removeLeftovers(folder);
    await mkdir(temporary);
    const files = await writeFiles(temporary);
    await writeText(join(temporary, indexFile), formatIndex({ ...index, files }));
    await flush(temporary);
    // A resumed run may come by the same step again.
    await rm(target, { recursive: true, force: true });
    await rename(temporary, target);
    await flush(folder);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw await withLastOne(fileError(`save checkpoint ${target}`, error), folder);
  }
  await pruneCheckpoints(folder, retention);
  return target;
}

/** Temporary folders of a process that was killed while it saved or removed. One run folder has one writer. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (/^\.step-\d+\.tmp$/.test(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function withLastOne(error: unknown, folder: string): Promise<unknown> {
  if (!(error instanceof UserError)) return error;
  const last = (await listCheckpoints(folder)).at(-1);
  const where = last ? `The last complete checkpoint stays: ${last.path}` : 'There is no earlier checkpoint.';
  return new UserError(`${error.message} ${where}`, { cause: error.cause });
}
