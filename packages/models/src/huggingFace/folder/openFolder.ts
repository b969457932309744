import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import {
  openSafetensors,
  type ElementRange,
  type MappedNumbers,
  type ReadMemory,
  type SafetensorsDtype,
  type SafetensorsFile,
  type StoredTensor,
} from '@scmoe/tensor';

import { PretrainedError } from '../PretrainedError.js';
import { configFile, indexFile, weightsFile } from './fileNames.js';

/** An object as JSON holds it. */
export type JsonObject = Record<string, unknown>;

/** Type and shape of a tensor. */
export interface FolderTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** What of it is made anew whenever a part is read; absent where it lies in the file as it is read. */
  readonly made?: 'blocks' | 'matrices' | 'whole';
}

/** A folder with `config.json` and safetensors, in one file or in shards, whose headers were read. Close it. */
export interface PretrainedFolder {
  readonly path: string;
  readonly config: JsonObject;
  /** Type and shape of every tensor. */
  readonly tensors: ReadonlyMap<string, FolderTensor>;
  /**
   * Reads one tensor, or of its elements, in row-major order, those of a range.
   *
   * @param memory gives memory that may be read into, which the result may have then; what is made of several has its own
   */
  read(name: string, elements?: ElementRange, memory?: ReadMemory): Promise<StoredTensor>;
  /** The same elements as they lie in a mapped file; undefined where they can't be had so. */
  map(name: string, elements?: ElementRange): MappedNumbers | undefined;
  close(): Promise<void>;
}

/**
 * Opens a folder in the layout of Hugging Face transformers. Of the weights only the headers are read, so that no more
 * of them is in memory than is asked for.
 *
 * @throws PretrainedError where a file is missing, is no JSON, or the index and its shards disagree; SafetensorsError
 *   where a file of weights is malformed.
 */
export async function openFolder(path: string): Promise<PretrainedFolder> {
  const config = await readConfig(path);
  const weightMap = await readWeightMap(path);
  const names = weightMap ? [...new Set(Object.values(weightMap))].sort() : [weightsFile];
  const files: SafetensorsFile[] = [];
  const close = async () => void (await Promise.all(files.map((file) => file.close())));
  try {
    for (const name of names) files.push(await openWeights(path, name));
    const owners = ownersOf(path, files);
    if (weightMap) checkWeightMap(path, weightMap, owners);
    const tensors = new Map(files.flatMap(({ entries }) => entries.map((entry) => [entry.name, entry] as const)));
    const ownerOf = (name: string) => {
      const file = owners.get(name);
      if (!file) throw new PretrainedError(`${path}: there is no tensor '${name}'`);
      return file;
    };
    return {
      ...{ path, config, tensors, close },
      read: (name, elements, memory) => ownerOf(name).read(name, elements, memory),
      map: (name, elements) => ownerOf(name).map(name, elements),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The `config.json` of a folder in the layout of Hugging Face transformers. @throws PretrainedError where there is none. */
export async function readConfig(path: string): Promise<JsonObject> {
  const config = await readJson(path, configFile);
  if (!config) throw new PretrainedError(`${path}: there is no ${configFile}`);
  return config;
}

/**
 * Reads a whole folder: its configuration, and all its tensors as they are stored. Needs memory for all of them; a model
 * is loaded tensor by tensor with `loadPretrained`.
 *
 * @throws as `openFolder`
 */
export async function readHuggingFace(
  path: string,
): Promise<{ config: JsonObject; tensors: Record<string, StoredTensor> }> {
  const folder = await openFolder(path);
  try {
    const tensors: [string, StoredTensor][] = [];
    for (const name of folder.tensors.keys()) tensors.push([name, await folder.read(name)]);
    return { config: folder.config, tensors: Object.fromEntries(tensors) };
  } finally {
    await folder.close();
  }
}

/** An object in a file of a folder; undefined where the file is not there. @throws PretrainedError where it is no JSON object. */
export async function readJson(folder: string, name: string): Promise<JsonObject | undefined> {
  const path = join(folder, name);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new PretrainedError(`${path}: ${error.message}`, { cause: error });
  });
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    // Editors of some systems begin a file with a byte-order mark.
    value = JSON.parse(text.replace(/^\ufeff/, ''));
    // What quotes a value in an error runs out of stack for one that is nested this deep.
    JSON.stringify(value);
  } catch (cause) {
    throw new PretrainedError(`${path} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new PretrainedError(`${path}: expected a JSON object`);
  }
  return value as JsonObject;
}

/** Which file holds which tensor, where the weights are in several. As in transformers, a single file goes first. */
async function readWeightMap(folder: string): Promise<Record<string, string> | undefined> {
  const files = await readdir(folder);
  if (files.includes(weightsFile)) return undefined;
  const index = await readJson(folder, indexFile);
  if (!index) {
    const others = files.filter((name) => /\.(bin|pt|pth|h5|msgpack|gguf)$/.test(name));
    const gguf = others.find((name) => name.endsWith('.gguf'));
    const instead = gguf
      ? `; a file of GGUF is named itself: ${join(folder, gguf)}`
      : others.length > 0
        ? `; ${others.join(', ')} can't be read, save the model as safetensors`
        : '';
    throw new PretrainedError(`${folder}: there is neither ${weightsFile} nor ${indexFile}${instead}`);
  }
  const map = index['weight_map'];
  const problem = `${join(folder, indexFile)}: expected "weight_map" with the file of every tensor`;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw new PretrainedError(problem);
  for (const [name, file] of Object.entries(map)) {
    // A name with folders in it would reach outside of this one.
    if (typeof file !== 'string' || basename(file) !== file || !file.endsWith('.safetensors')) {
      throw new PretrainedError(`${problem}, got ${JSON.stringify(file)} for '${name}'`);
    }
  }
  return map as Record<string, string>;
}

async function openWeights(folder: string, name: string): Promise<SafetensorsFile> {
  const path = join(folder, name);
  return openSafetensors(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new PretrainedError(`${path} is missing: ${indexFile} names it`, { cause: error });
  });
}

function ownersOf(folder: string, files: readonly SafetensorsFile[]): Map<string, SafetensorsFile> {
  const owners = new Map<string, SafetensorsFile>();
  for (const file of files) {
    for (const { name } of file.entries) {
      const other = owners.get(name);
      if (other) throw new PretrainedError(`${folder}: '${name}' is in both ${other.path} and ${file.path}`);
      owners.set(name, file);
    }
  }
  return owners;
}

function checkWeightMap(
  folder: string,
  weightMap: Record<string, string>,
  owners: ReadonlyMap<string, SafetensorsFile>,
): void {
  const wrong = Object.entries(weightMap).filter(([name, file]) => basename(owners.get(name)?.path ?? '') !== file);
  if (wrong.length === 0) return;
  const list = wrong.map(([name, file]) => `'${name}' is not in ${file}`).join('; ');
  throw new PretrainedError(`${join(folder, indexFile)} does not fit the files: ${list}`);
}
