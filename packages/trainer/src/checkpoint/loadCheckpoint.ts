import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { UserError } from '@scmoe/errors';
import { openSafetensors, type readSafetensors, SafetensorsError, toFloat32 } from '@scmoe/tensor';

import { fileError } from '../fileError.js';
import { type CheckpointIndex, dataFile, type JsonObject, modelFile, optimizerFile } from './CheckpointIndex.js';
import { describeFile } from './durableFiles.js';
import { listCheckpoints, stepOf } from './listCheckpoints.js';
import { readIndex, readSmall } from './readIndex.js';

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

/** Options of `loadCheckpoint`. */
export interface LoadOptions {
  /**
   * When the checkpoint is damaged, take the newest earlier one of the same run that is whole, and report what was wrong
   * with each that was passed over. Default: a damaged checkpoint is an error.
   */
  fallback?: (problem: UserError) => void;
  /** Tensors that are left out, by their names: those that are in no memory but on a disk, for one. Default: none. */
  skip?: (name: string) => boolean;
}

/**
 * Loads the checkpoint in a `step-000123` folder after it has verified the checksum of every file.
 *
 * @throws UserError when the checkpoint is damaged, incomplete, or of another program.
 */
export async function loadCheckpoint(path: string, { fallback, skip }: LoadOptions = {}): Promise<Checkpoint> {
  try {
    return await load(path, skip);
  } catch (error) {
    const earlier = error instanceof UserError ? await checkpointBefore(path) : undefined;
    if (!earlier) throw error;
    if (!fallback) {
      throw new UserError(`${(error as UserError).message} The checkpoint before it is ${earlier}`, { cause: error });
    }
    fallback(error as UserError);
    return loadCheckpoint(earlier, { fallback, skip });
  }
}

async function load(path: string, skip?: (name: string) => boolean): Promise<Checkpoint> {
  const index = await readIndex(path);
  const named = stepOf(path);
  if (named !== undefined && named !== index.step) {
    throw new UserError(`Checkpoint ${path} is of another step: expected ${named}, got ${index.step}.`);
  }
  for (const [name, expected] of Object.entries(index.files)) await verifyFile(path, name, expected);
  return {
    path,
    index,
    dataDescription: await readDescription(join(path, dataFile)),
    parameters: await readTensors(join(path, modelFile), skip),
    optimizerState: inFloat32(await readTensors(join(path, optimizerFile), skip)),
  };
}

async function readDescription(file: string): Promise<JsonObject> {
  try {
    const value: unknown = JSON.parse(await readSmall(file));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw fileError(`read ${file}`, error);
    throw new UserError(`Can't read ${file}: ${error.message}`, { cause: error });
  }
  throw new UserError(`Can't read ${file}: expected an object, got something else.`);
}

async function readTensors(path: string, skip = (_: string) => false): Promise<StoredTensors> {
  try {
    const file = await openSafetensors(path);
    try {
      const names = file.entries.map(({ name }) => name).filter((name) => !skip(name));
      const tensors: [string, StoredTensors[string]][] = [];
      for (const name of names) tensors.push([name, await file.read(name)]);
      return Object.fromEntries(tensors);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof SafetensorsError) throw new UserError(`Can't read ${error.message}.`, { cause: error });
    throw fileError(`read ${path}`, error);
  }
}

/** Moments in bfloat16 as the same numbers in float32: who goes on with them keeps them as it will. */
function inFloat32(tensors: StoredTensors): StoredTensors {
  const entries = Object.entries(tensors).map(([name, stored]) => {
    const { dtype, shape } = stored;
    return [name, dtype === 'BF16' ? { dtype: 'F32' as const, shape, data: toFloat32(stored) } : stored] as const;
  });
  return Object.fromEntries(entries);
}

async function verifyFile(folder: string, name: string, expected: CheckpointIndex['files'][string]): Promise<void> {
  const damaged = (what: string) => new UserError(`Checkpoint ${folder} is damaged: ${name} ${what}.`);
  const found = await stat(join(folder, name)).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? damaged('is missing') : fileError(`read ${join(folder, name)}`, error);
  });
  if (!found.isFile()) throw damaged('is no file');
  const { size } = found;
  if (size !== expected.bytes) throw damaged(`has ${size} bytes, expected ${expected.bytes}`);
  const { sha256 } = await describeFile(join(folder, name)).catch((error: unknown) => {
    throw fileError(`read ${join(folder, name)}`, error);
  });
  if (sha256 !== expected.sha256) throw damaged(`has SHA-256 ${sha256}, expected ${expected.sha256}`);
}

/** The newest complete checkpoint before one, in the same folder. */
export async function checkpointBefore(path: string): Promise<string | undefined> {
  const step = stepOf(resolve(path));
  if (step === undefined) return undefined;
  return (await listCheckpoints(dirname(resolve(path)))).filter((checkpoint) => checkpoint.step < step).at(-1)?.path;
}
