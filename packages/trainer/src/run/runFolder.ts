import { writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

import { expectThat } from '@scmoe/errors';

import type { JsonObject } from '../checkpoint/CheckpointIndex.js';
import { partRankOf } from '../checkpoint/listCheckpoints.js';
import { fileError } from '../fileError.js';
import { makeFolder } from '../makeFolder.js';
import { makeUnusedFolder } from '../makeUnusedFolder.js';
import { isFolderName } from './isFolderName.js';

/** Where one run keeps what it makes. */
export interface RunFolder {
  path: string;
  /** One JSON object a line. */
  metricsFile: string;
  /** Event files for TensorBoard. */
  tensorBoardFolder: string;
  checkpointsFolder: string;
  samplesFolder: string;
}

/**
 * Makes `<root>/<name>-<timestamp>/` with its `config.json`. Runs that start in the same second get different folders.
 *
 * @throws UserError when the folder can't be made, ArgumentError for a name that is a path.
 */
export async function createRunFolder(root: string, name: string, config: JsonObject): Promise<RunFolder> {
  expectThat(isFolderName(name), 'name', 'a name for a folder: no path, and no dot at its beginning', name);
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '').replace('T', '-');
  try {
    await makeFolder(root);
    const run = runFolderAt(await makeUnusedFolder(join(root, `${name}-${stamp}`)));
    await writeFile(join(run.path, 'config.json'), JSON.stringify(config, undefined, 2) + '\n');
    return run;
  } catch (error) {
    throw fileError(`make a run folder in ${root}`, error);
  }
}

/** The run folder that a checkpoint lies in, or a rank's part of one. */
export function runFolderOf(checkpoint: string): RunFolder {
  const parent = dirname(resolve(checkpoint));
  const folder = partRankOf(parent) === undefined ? parent : dirname(parent);
  return runFolderAt(basename(folder) === 'checkpoints' ? dirname(folder) : folder);
}

/** The run folder at a path. */
export function runFolderAt(path: string): RunFolder {
  return {
    path,
    metricsFile: join(path, 'metrics.jsonl'),
    tensorBoardFolder: join(path, 'tensorboard'),
    checkpointsFolder: join(path, 'checkpoints'),
    samplesFolder: join(path, 'samples'),
  };
}
