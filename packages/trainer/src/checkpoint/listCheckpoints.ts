import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { indexFile } from './CheckpointIndex.js';

const pattern = /^step-(\d+)$/;
const partPattern = /^rank-(\d+)$/;

/** Folder name of a checkpoint: its step, padded so that names sort like numbers. */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/** Folder name of one that is not whole yet, or any more. */
export function temporaryName(step: number): string {
  return `.${checkpointName(step)}.tmp`;
}

/** Where a rank saves its part of each checkpoint, in the folder of a run's checkpoints: `rank-1`, `step-000123` in it. */
export function partFolder(folder: string, rank: number): string {
  return join(folder, `rank-${rank}`);
}

/** The rank that the name of such a folder says; undefined for other names. */
export function partRankOf(path: string): number | undefined {
  const match = partPattern.exec(basename(path));
  return match ? Number(match[1]) : undefined;
}

/** The folders of parts in a folder of checkpoints, by rank. */
export async function listPartFolders(folder: string): Promise<{ rank: number; path: string }[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const found = names.flatMap((name) => {
    const rank = partRankOf(name);
    return rank === undefined ? [] : [{ rank, path: join(folder, name) }];
  });
  return found.sort((a, b) => a.rank - b.rank);
}

/** The step that the name of a checkpoint's folder says; undefined for other names, such as those of copies. */
export function stepOf(path: string): number | undefined {
  const match = pattern.exec(basename(path));
  return match ? Number(match[1]) : undefined;
}

/**
 * Complete checkpoints of a folder, oldest first. A checkpoint gets its name when it is complete, so an interrupted one
 * is never listed. A folder that does not exist holds none.
 */
export async function listCheckpoints(folder: string): Promise<{ step: number; path: string }[]> {
  return (await listStepFolders(folder)).filter(({ hasIndex }) => hasIndex).map(({ step, path }) => ({ step, path }));
}

/** What has the name of a checkpoint, oldest first; one whose index was deleted is damaged, not absent. */
export async function listStepFolders(folder: string): Promise<{ step: number; path: string; hasIndex: boolean }[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const found: { step: number; path: string; hasIndex: boolean }[] = [];
  for (const name of names) {
    const [step, path] = [stepOf(name), join(folder, name)];
    if (step !== undefined) found.push({ step, path, hasIndex: await exists(join(path, indexFile)) });
  }
  return found.sort((a, b) => a.step - b.step);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
