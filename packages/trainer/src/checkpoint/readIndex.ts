import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { UserError } from '@scmoe/errors';

import { fileError } from '../fileError.js';
import { type CheckpointIndex, indexFile, parseIndex } from './CheckpointIndex.js';

/** An index is a few kilobytes of settings; nothing of ours comes near. */
const largestBytes = 16 * 2 ** 20;

/**
 * Reads `checkpoint.json` of a checkpoint.
 *
 * @throws UserError naming the folder, the file and, where one is wrong, the field
 */
export async function readIndex(path: string): Promise<CheckpointIndex> {
  const file = join(path, indexFile);
  const text = await readSmall(file).catch((error: unknown) => {
    throw fileError(`read checkpoint ${path}: ${indexFile}`, error);
  });
  const index = parseIndex(text);
  if (typeof index === 'string') throw new UserError(`Can't read checkpoint ${path}: ${index}`);
  return index;
}

/**
 * A text file that is small by its nature: a large one is not read.
 *
 * @throws UserError for a larger one; the system's error where it can't be read
 */
export async function readSmall(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > largestBytes) {
    throw new UserError(`${file} has ${size} bytes: expected at most ${largestBytes}, it is no file of a checkpoint.`);
  }
  return readFile(file, 'utf8');
}
