import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { fileError } from '../fileError.js';
import { listCheckpoints, temporaryName } from './listCheckpoints.js';
import { readIndex } from './readIndex.js';

/** Which checkpoints of a run stay when there is a new one; the newest always does. */
export interface Retention {
  /** So many of the newest. 0, the default, keeps all. */
  keep?: number;
  /** Besides, so many of those with the lowest validation loss, among those that were evaluated when they were saved. Default 0. */
  keepBest?: number;
  /** Besides, those whose step is a multiple of it. Default 0: none. */
  keepEvery?: number;
}

/**
 * Removes the checkpoints of a folder that nobody wants to keep. Each goes as a whole: it loses its name first.
 *
 * @throws UserError where one can't be removed
 */
export async function pruneCheckpoints(
  folder: string,
  { keep = 0, keepBest = 0, keepEvery = 0 }: Retention,
): Promise<void> {
  if (keep === 0) return;
  const all = await listCheckpoints(folder);
  const old = all.slice(0, -keep).filter(({ step }) => keepEvery === 0 || step % keepEvery !== 0);
  if (old.length === 0) return;
  const best = keepBest > 0 ? await bestOf(all, keepBest) : [];
  for (const { step, path } of old) {
    if (best.includes(path)) continue;
    const nameless = join(dirname(path), temporaryName(step));
    try {
      await rename(path, nameless);
      await rm(nameless, { recursive: true, force: true });
    } catch (error) {
      throw fileError(`remove the old checkpoint ${path}`, error);
    }
  }
}

/** Paths of the best; of equal ones the newer. A damaged index has no loss that could be believed. */
async function bestOf(all: { path: string }[], count: number): Promise<string[]> {
  const evaluated: { path: string; loss: number }[] = [];
  for (const { path } of all) {
    const index = await readIndex(path).catch(() => undefined);
    const loss = index?.validationLoss;
    if (loss !== undefined) evaluated.unshift({ path, loss });
  }
  return evaluated
    .sort((a, b) => a.loss - b.loss)
    .slice(0, count)
    .map(({ path }) => path);
}
