import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { indexFile } from './CheckpointIndex.js';

const pattern = /^step-(\d+)$/;

/** Folder name of a checkpoint: its step, padded so that names sort like numbers. */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/**
 * Complete checkpoints of a folder, oldest first. A checkpoint gets its name when it is complete, so an interrupted one
 * is never listed. A folder that does not exist holds none.
 */
export async function listCheckpoints(folder: string): Promise<{ step: number; path: string }[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const found: { step: number; path: string }[] = [];
  for (const name of names) {
    const match = pattern.exec(name);
    if (match && (await exists(join(folder, name, indexFile)))) {
      found.push({ step: Number(match[1]), path: join(folder, name) });
    }
  }
  return found.sort((a, b) => a.step - b.step);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
