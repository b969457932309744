import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { UserError } from '@scmoe/errors';
import { fileError, makeFolder, runFolderAt, saveCheckpoint, type JsonObject } from '@scmoe/trainer';

/** What a run folder is made of: its only checkpoint, and what was done to make it. */
export interface SavedRun {
  /** A folder that does not exist yet. */
  out: string;
  checkpoint: Parameters<typeof saveCheckpoint>[1];
  /** The name of the file that says what was done, and what it says. */
  file: string;
  report: JsonObject;
}

/**
 * Writes a run folder with one checkpoint: to evaluate, to sample from and to train on. All is written beside it and renamed:
 * the folder is whole or absent.
 *
 * @returns the folder of the checkpoint
 * @throws UserError where the folder exists, or can't be written
 */
export async function saveRun({ out, checkpoint, file, report }: SavedRun): Promise<string> {
  await expectAbsent(out);
  const temporary = `${resolve(out)}.tmp-${process.pid}`;
  try {
    await makeFolder(temporary);
    const saved = await saveCheckpoint(runFolderAt(temporary).checkpointsFolder, checkpoint);
    await writeJson(join(temporary, 'config.json'), checkpoint.config);
    await writeJson(join(temporary, file), report);
    await rename(temporary, out);
    return saved.replace(temporary, resolve(out));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error instanceof UserError ? error : fileError(`write ${out}`, error);
  }
}

/** Makes sure that nothing is at a path. @throws UserError where something is */
export async function expectAbsent(out: string): Promise<void> {
  const found = await stat(out).catch(() => undefined);
  if (found)
    throw new UserError(`${out}: expected a folder that does not exist yet, got one that does.`, { exitCode: 2 });
}

/** Writes a value as a JSON file for people. */
export async function writeJson(path: string, value: JsonObject): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, undefined, 2)}\n`);
}
