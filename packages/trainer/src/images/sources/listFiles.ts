import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { fileError } from '../../fileError.js';
import type { SourceFile } from './ImageSource.js';

/** A folder's entry; a link is what it leads to. */
export interface FolderEntry {
  name: string;
  path: string;
  isFolder: boolean;
  isLink: boolean;
}

const statsAtOnce = 64;

/**
 * What is in a folder, sorted by code unit so that every machine sees the same order. Hidden entries, links to nowhere and
 * what is neither file nor folder are left out.
 *
 * @throws UserError naming the folder where it can't be read.
 */
export async function listFolder(folder: string): Promise<FolderEntry[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw fileError(`read images ${folder}`, error);
  });
  const found = await Promise.all(
    entries
      .filter((entry) => !entry.name.startsWith('.'))
      .map(async (entry): Promise<FolderEntry | undefined> => {
        const path = join(folder, entry.name);
        const isLink = entry.isSymbolicLink();
        const target = isLink ? await stat(path).catch(() => undefined) : entry;
        if (!target?.isFile() && !target?.isDirectory()) return undefined;
        return { name: entry.name, path, isFolder: target.isDirectory(), isLink };
      }),
  );
  return found.filter((entry) => entry !== undefined).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** All files below a folder, depth first in the order of names. Links to folders are not followed: they may lead in a circle. */
export async function listFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await listFolder(folder)) {
    if (!entry.isFolder) files.push(entry.path);
    else if (!entry.isLink) files.push(...(await listFiles(entry.path)));
  }
  return files;
}

/**
 * Size and time of each file.
 *
 * @throws UserError naming the file that can't be read.
 */
export async function describeFiles(paths: readonly string[]): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (let first = 0; first < paths.length; first += statsAtOnce) {
    const some = paths.slice(first, first + statsAtOnce).map(async (path) => {
      const found = await stat(path).catch((error: unknown) => {
        throw fileError(`read images ${path}`, error);
      });
      return { path, bytes: found.size, mtimeMs: found.mtimeMs };
    });
    files.push(...(await Promise.all(some)));
  }
  return files;
}
