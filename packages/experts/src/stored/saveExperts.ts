import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { UserError } from '@scmoe/errors';
import { fileError, makeFolder, runFolderAt, saveCheckpoint, type JsonObject } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { prunedTensors, type PruneMode } from '../prune/prunedTensors.js';
import { tensorsOf } from './openLanguageModel.js';
import type { StoredExperts } from './StoredExperts.js';

/** What is written of a checkpoint. */
export interface SaveOptions {
  /** The experts of each layer that the new one has, in their order there. */
  order: Record<string, number[]>;
  /** A folder that does not exist yet. */
  out: string;
  /** What becomes of the other experts; they are removed by default. */
  mode?: PruneMode;
  /** The name of the file that says what was done, and what it says. */
  file: string;
  report: JsonObject;
}

/**
 * Writes a run folder with a checkpoint that has other experts, or the same in another order: to evaluate, to sample from and
 * to train on. All is written beside it and renamed: the folder is whole or absent. What it is made from stays as it is.
 *
 * @returns the folder of the checkpoint
 * @throws UserError where the folder exists, or can't be written
 */
export async function saveExperts(
  { checkpoint, moe }: StoredExperts,
  { order, out, mode = 'remove', file, report }: SaveOptions,
): Promise<string> {
  await expectAbsent(out);
  const { step, config: given, dataFingerprint, optimizer } = checkpoint.index;
  const numExperts = mode === 'remove' ? Object.values(order)[0]!.length : moe.numExperts;
  const config = { ...given, numExperts };
  const temporary = `${resolve(out)}.tmp-${process.pid}`;
  const selection = { numExperts: moe.numExperts, mode };
  const parameters = tensorsOf(prunedTensors(checkpoint.parameters, order, selection));
  const state = tensorsOf(prunedTensors(checkpoint.optimizerState, order, selection));
  try {
    await makeFolder(temporary);
    const saved = await saveCheckpoint(runFolderAt(temporary).checkpointsFolder, {
      step,
      config,
      dataFingerprint,
      dataDescription: checkpoint.dataDescription,
      parameters,
      optimizer: { ...optimizer, state },
    });
    await writeJson(join(temporary, 'config.json'), config);
    await writeJson(join(temporary, file), report);
    await rename(temporary, out);
    return saved.replace(temporary, resolve(out));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error instanceof UserError ? error : fileError(`write ${out}`, error);
  } finally {
    tf.dispose([parameters, state]);
  }
}

/** Makes sure that nothing is at a path. @throws UserError where something is */
export async function expectAbsent(out: string): Promise<void> {
  const found = await stat(out).catch(() => undefined);
  if (found)
    throw new UserError(`${out}: expected a folder that does not exist yet, got one that does.`, { exitCode: 2 });
}

async function writeJson(path: string, value: JsonObject): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, undefined, 2)}\n`);
}
