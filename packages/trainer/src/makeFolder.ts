import { access, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it that are missing.
 *
 * @throws the system's error. Node's own recursive mkdir looks with stat for what it does not expect, so that it says of a
 *   read-only file system that the path does not exist.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(await firstMissing(path));
    throw error;
  }
}

async function firstMissing(path: string): Promise<string> {
  const parent = dirname(path);
  const exists = await access(parent).then(
    () => true,
    () => false,
  );
  return exists || parent === path ? path : firstMissing(parent);
}
