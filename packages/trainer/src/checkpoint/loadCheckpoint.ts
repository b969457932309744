import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { UserError } from '@scmoe/errors';
import { readSafetensors } from '@scmoe/tensor';

import { fileError } from '../fileError.js';
import {
  type CheckpointIndex,
  dataFile,
  indexFile,
  type JsonObject,
  modelFile,
  optimizerFile,
  parseIndex,
} from './CheckpointIndex.js';
import { describeFile } from './durableFiles.js';
import { listCheckpoints } from './listCheckpoints.js';

/** Tensors of a safetensors file by name. */
export type StoredTensors = Awaited<ReturnType<typeof readSafetensors>>['tensors'];

/** What `loadCheckpoint` reads: the parts of a checkpoint, verified, in host memory. */
export interface Checkpoint {
  path: string;
  index: CheckpointIndex;
  /** What the model has to know of its data, see CheckpointContent. */
  dataDescription: JsonObject;
  parameters: StoredTensors;
  optimizerState: StoredTensors;
}

/**
 * Loads the checkpoint in a `step-000123` folder after it has verified the checksum of every file.
 *
 * @param fallback when the checkpoint is damaged, take the newest earlier one of the same run that is whole, and report
 *   what was wrong with each that was passed over; without it a damaged checkpoint is an error
 * @throws UserError when the checkpoint is damaged, incomplete, or of another program.
 */
export async function loadCheckpoint(
  path: string,
  { fallback }: { fallback?: (problem: UserError) => void } = {},
): Promise<Checkpoint> {
  try {
    return await load(path);
  } catch (error) {
    const earlier = error instanceof UserError ? await checkpointBefore(path) : undefined;
    if (!earlier) throw error;
    if (!fallback) {
      throw new UserError(`${(error as UserError).message} The checkpoint before it is ${earlier}`, { cause: error });
    }
    fallback(error as UserError);
    return loadCheckpoint(earlier, { fallback });
  }
}

async function load(path: string): Promise<Checkpoint> {
  const text = await readFile(join(path, indexFile), 'utf8').catch((error: unknown) => {
    throw fileError(`read checkpoint ${path}: ${indexFile}`, error);
  });
  const index = parseIndex(text);
  if (typeof index === 'string') throw new UserError(`Can't read checkpoint ${path}: ${index}`);
  for (const [name, expected] of Object.entries(index.files)) await verifyFile(path, name, expected);

  const dataDescription = JSON.parse(await readFile(join(path, dataFile), 'utf8')) as JsonObject;
  const { tensors: parameters } = await readSafetensors(join(path, modelFile));
  const { tensors: optimizerState } = await readSafetensors(join(path, optimizerFile));
  return { path, index, dataDescription, parameters, optimizerState };
}

async function verifyFile(folder: string, name: string, expected: CheckpointIndex['files'][string]): Promise<void> {
  const size = await stat(join(folder, name)).then(
    ({ size }) => size,
    () => undefined,
  );
  const damaged = (what: string) => new UserError(`Checkpoint ${folder} is damaged: ${name} ${what}.`);
  if (size === undefined) throw damaged('is missing');
  if (size !== expected.bytes) throw damaged(`has ${size} bytes, expected ${expected.bytes}`);
  const { sha256 } = await describeFile(join(folder, name));
  if (sha256 !== expected.sha256) throw damaged(`has SHA-256 ${sha256}, expected ${expected.sha256}`);
}

async function checkpointBefore(path: string): Promise<string | undefined> {
  const all = await listCheckpoints(dirname(path));
  const index = all.findIndex((checkpoint) => resolve(checkpoint.path) === resolve(path));
  return index > 0 ? all[index - 1]!.path : undefined;
}
