import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { UserError } from '@scmoe/errors';
import { writeSafetensors } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import { fileError, isDiskFull } from '../fileError.js';
import { version } from '../version.js';
import {
  type CheckpointIndex,
  dataFile,
  formatIndex,
  indexFile,
  type JsonObject,
  modelFile,
  optimizerFile,
} from './CheckpointIndex.js';
import { flush, writeText } from './durableFiles.js';
import { checkpointName, listCheckpoints } from './listCheckpoints.js';

/** What `saveCheckpoint` writes. */
export interface CheckpointContent {
  /** Updates done. */
  step: number;
  config: JsonObject;
  dataFingerprint: string;
  /** What a model has to know of its data besides their values: a tokenizer, or the names of classes. */
  dataDescription: JsonObject;
  parameters: Record<string, tf.Tensor>;
  optimizer: { name: string; stepCount: number; state: Record<string, tf.Tensor> };
}

/**
 * Saves a checkpoint as `<folder>/step-000123/`. Everything is written to a temporary folder, flushed and renamed, so a
 * checkpoint is whole or absent; a crash or a full disk leaves the earlier ones as they were.
 *
 * @param keep how many checkpoints stay, the newest ones; 0 keeps all
 * @returns the checkpoint's folder
 * @throws UserError when the disk is full or the folder can't be written.
 */
export async function saveCheckpoint(
  folder: string,
  content: CheckpointContent,
  { keep = 0 }: { keep?: number } = {},
): Promise<string> {
  const target = join(folder, checkpointName(content.step));
  const temporary = join(folder, `.${checkpointName(content.step)}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    await removeLeftovers(folder);
    await mkdir(temporary);
    await writeFiles(temporary, content);
    // A resumed run may come by the same step again.
    await rm(target, { recursive: true, force: true });
    await rename(temporary, target);
    await flush(folder);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    if (!isDiskFull(error)) throw fileError(`save checkpoint ${target}`, error);
    const latest = (await listCheckpoints(folder)).at(-1);
    throw new UserError(
      `Can't save checkpoint ${target}: no space left on the disk. ` +
        (latest ? `The last complete checkpoint stays: ${latest.path}` : 'There is no earlier checkpoint.'),
      { cause: error },
    );
  }
  if (keep > 0) {
    const old = (await listCheckpoints(folder)).slice(0, -keep);
    for (const { path } of old) await rm(path, { recursive: true, force: true });
  }
  return target;
}

async function writeFiles(folder: string, content: CheckpointContent): Promise<void> {
  const { step, config, dataFingerprint, optimizer } = content;
  const metadata = { format: 'scmoe', step: String(step) };
  const index: CheckpointIndex = {
    format: 'scmoe-checkpoint',
    version: 2,
    step,
    created: new Date().toISOString(),
    versions: { trainer: version, node: process.versions.node },
    config,
    dataFingerprint,
    optimizer: { name: optimizer.name, stepCount: optimizer.stepCount },
    files: {
      [modelFile]: await writeSafetensors(join(folder, modelFile), content.parameters, { metadata }),
      [optimizerFile]: await writeSafetensors(join(folder, optimizerFile), optimizer.state, { metadata }),
      [dataFile]: await writeText(join(folder, dataFile), JSON.stringify(content.dataDescription)),
    },
  };
  await writeText(join(folder, indexFile), formatIndex(index));
  await flush(folder);
}

/** Temporary folders of a process that was killed while it saved. One run folder has one writer. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (/^\.step-\d+\.tmp$/.test(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}
