import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it that are missing.
 *
 * @throws the system's error. Node's own recursive mkdir says of a read-only file system that the path does not exist, and
 *   asks for ever where a folder is there in which there can be none: below /proc, or where an automounter knows no such name.
 */
export async function makeFolder(path: string): Promise<void> {
  const error = await problemOf(path);
  if (!error) return;
  const parent = dirname(path);
  if (error.code !== 'ENOENT' || parent === path) throw error;
  // Somebody else may have made it since: once more, and no more than that.
  if (!(await isFolder(parent))) await makeFolder(parent);
  const again = await problemOf(path);
  if (again) throw again;
}

/** Tries to make it. @returns why it is not there */
async function problemOf(path: string): Promise<NodeJS.ErrnoException | undefined> {
  try {
    await mkdir(path);
  } catch (error) {
    if (!(await isFolder(path))) return error as NodeJS.ErrnoException;
  }
  return undefined;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
