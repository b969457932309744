import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it that are missing.
 *
 * @throws the system's error. Node's own recursive mkdir says of a read-only file system that the path does not exist, and
 *   asks for ever where a folder is there in which there can be none: below /proc, or where an automounter knows no such name.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (await isFolder(path)) return;
    const parent = dirname(path);
    const isMissing =
      (error as NodeJS.ErrnoException).code === 'ENOENT' && parent !== path && !(await isFolder(parent));
    if (!isMissing) throw error;
    await makeFolder(parent);
    await makeFolder(path);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
