import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { UserError } from '@scmoe/errors';
import { type Corpus, readDocuments } from '@scmoe/trainer';

const maxBytes = 20e6;

/** Packages that are searched first, in this order: large, hand-written, and there after every install. */
const preferredFolders = ['typescript/lib', '@types'];

/**
 * The TypeScript declaration files in the `node_modules` that this program is installed in: a corpus of code that is
 * already on the disk. At most 20 MB, each content once, ordered by its hash, so that the validation tail is a fair
 * sample of all packages and not the last ones of the alphabet.
 *
 * @throws UserError when there is no such file.
 */
export async function readDefaultData(): Promise<Corpus & { folder: string }> {
  const folder = await findNodeModules(dirname(fileURLToPath(import.meta.url)));
  const files = folder === undefined ? [] : await listDeclarations(folder);
  if (folder === undefined || files.length === 0) {
    throw new UserError('There are no TypeScript declaration files in node_modules: expected --data <file or folder>.');
  }
  const corpus = await readDocuments(await takeBytes(files, maxBytes), folder);
  const byHash = new Map(
    corpus.documents.map((document) => [createHash('sha256').update(document.bytes).digest('hex'), document]),
  );
  const documents = [...byHash].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, document]) => document);
  const numBytes = documents.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return { ...corpus, documents, numBytes, folder };
}

/** The nearest `node_modules` above a folder that holds TypeScript itself. */
async function findNodeModules(folder: string): Promise<string | undefined> {
  const candidate = join(folder, 'node_modules');
  const found = await stat(join(candidate, 'typescript')).catch(() => undefined);
  if (found) return candidate;
  const parent = dirname(folder);
  return parent === folder ? undefined : findNodeModules(parent);
}

/** Paths of all `.d.ts` files, those of the preferred folders first, each group sorted by path. */
async function listDeclarations(nodeModules: string): Promise<string[]> {
  const entries = await readdir(nodeModules, { recursive: true, withFileTypes: true });
  const rank = (path: string) => {
    const index = preferredFolders.findIndex((folder) => path.startsWith(join(nodeModules, folder)));
    return index === -1 ? preferredFolders.length : index;
  };
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** The first files that together have at most `limit` bytes. */
async function takeBytes(paths: readonly string[], limit: number): Promise<string[]> {
  const taken: string[] = [];
  let total = 0;
  for (const path of paths) {
    total += (await stat(path)).size;
    if (total > limit) break;
    taken.push(path);
  }
  return taken;
}
