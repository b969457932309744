import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { UserError } from '@scmoe/errors';
import { fileError, makeFolder, runFolderAt, saveCheckpoint, type JsonObject } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { tensorsOf } from '../stored/openLanguageModel.js';
import type { StoredExperts } from '../stored/StoredExperts.js';
import type { KeptExperts } from './chooseExperts.js';
import { prunedTensors, type PruneMode } from './prunedTensors.js';

/** The file of a pruned run that says what was pruned, and why. */
export const pruneFile = 'prune.json';

/**
 * Writes a run folder with the pruned checkpoint, to evaluate, to sample from and to train on, and with the report as
 * `prune.json`. All is written beside it and renamed: the folder is whole or absent. What is pruned stays as it is.
 *
 * @param out a folder that does not exist yet
 * @returns the folder of the checkpoint
 * @throws UserError where the folder exists, or can't be written
 */
export async function savePruned(
  { checkpoint, moe }: StoredExperts,
  kept: KeptExperts,
  { out, mode, report }: { out: string; mode: PruneMode; report: JsonObject },
): Promise<string> {
  await expectAbsent(out);
  const { step, config: given, dataFingerprint, optimizer } = checkpoint.index;
  const numExperts = mode === 'remove' ? Object.values(kept)[0]!.length : moe.numExperts;
  const config = { ...given, numExperts };
  const temporary = `${resolve(out)}.tmp-${process.pid}`;
  const pruned = { numExperts: moe.numExperts, mode };
  const parameters = tensorsOf(prunedTensors(checkpoint.parameters, kept, pruned));
  const state = tensorsOf(prunedTensors(checkpoint.optimizerState, kept, pruned));
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
    await writeJson(join(temporary, pruneFile), report);
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
