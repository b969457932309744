import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { writeSafetensors, type DeferredTensor } from '@scmoe/tensor';

import { formatJson } from '../config/Float.js';
import { PretrainedError } from '../PretrainedError.js';
import { configFile, generationFile, indexFile, isWeights, shardFile, weightsFile } from './fileNames.js';
import type { JsonObject } from './openFolder.js';

export interface WriteFolderOptions {
  /** Largest file of weights; beyond it they are split. A single tensor is never. */
  maxShardBytes?: number;
}

/** What is written: `generation` into `generation_config.json`, where there is something to say. */
export interface FolderContent {
  config: JsonObject;
  tensors: Readonly<Record<string, DeferredTensor>>;
  generation?: JsonObject;
}

/** transformers' own limit. */
const defaultShardBytes = 5e9;
const elementBytes: Partial<Record<DeferredTensor['dtype'], number>> = { F32: 4, F16: 2, BF16: 2 };

/**
 * Writes `config.json` and safetensors as transformers does: one file, or, beyond `maxShardBytes`, shards and their
 * index. Tensors are made one at a time, in the order of their names. Weights that were in the folder are replaced.
 *
 * @throws PretrainedError where maxShardBytes is no number of bytes; the system's error where a file can't be written.
 */
export async function writeFolder(
  folder: string,
  { config, tensors, generation }: FolderContent,
  { maxShardBytes = defaultShardBytes }: WriteFolderOptions = {},
): Promise<void> {
  if (!(maxShardBytes > 0)) {
    throw new PretrainedError(`${folder}: maxShardBytes: expected a number of bytes > 0, got ${maxShardBytes}`);
  }
  await mkdir(folder, { recursive: true });
  const shards = split(tensors, maxShardBytes);
  const fileOf = (index: number) => (shards.length === 1 ? weightsFile : shardFile(index, shards.length));
  for (const [index, shard] of shards.entries()) {
    const part = Object.fromEntries(shard.map((name) => [name, tensors[name]!]));
    await writeSafetensors(join(folder, fileOf(index)), part, { metadata: { format: 'pt' } });
  }
  const written = new Set(shards.map((_, index) => fileOf(index)));
  if (shards.length > 1) {
    const weightMap = Object.fromEntries(shards.flatMap((shard, i) => shard.map((name) => [name, fileOf(i)])));
    const totalSize = Object.values(tensors).reduce((sum, tensor) => sum + bytesOf(tensor), 0);
    await writeJson(join(folder, indexFile), { metadata: { total_size: totalSize }, weight_map: weightMap });
    written.add(indexFile);
  }
  for (const name of await readdir(folder)) {
    if (isWeights(name) && !written.has(name)) await rm(join(folder, name));
  }
  if (generation) await writeJson(join(folder, generationFile), generation);
  // That of another model would end its texts elsewhere.
  else await rm(join(folder, generationFile), { force: true });
  await writeJson(join(folder, configFile), config);
}

/** Names in order, in runs of at most `maxBytes`. */
function split(tensors: Readonly<Record<string, DeferredTensor>>, maxBytes: number): string[][] {
  const shards: string[][] = [[]];
  let filled = 0;
  for (const name of Object.keys(tensors).sort()) {
    const bytes = bytesOf(tensors[name]!);
    if (filled > 0 && filled + bytes > maxBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)!.push(name);
    filled += bytes;
  }
  return shards;
}

function bytesOf({ dtype, shape }: DeferredTensor): number {
  return shape.reduce((product, size) => product * size, elementBytes[dtype]!);
}

async function writeJson(path: string, value: JsonObject): Promise<void> {
  const partial = `${path}.partial`;
  await writeFile(partial, `${formatJson(value)}\n`);
  await rename(partial, path);
}
