import { isUtf8 } from 'node:buffer';
import { readFile, readdir, realpath, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';

import { UserError } from '@scmoe/errors';

import { fileError } from '../fileError.js';

/** One text of a corpus, as UTF-8 bytes: text is only decoded where a tokenizer asks for it. */
export interface TextDocument {
  name: string;
  bytes: Uint8Array;
}

/** What `readCorpus` found. */
export interface Corpus {
  documents: TextDocument[];
  /** Names of files that hold a NUL byte or no valid UTF-8. */
  binaryFiles: string[];
  emptyFiles: string[];
  /** Names of links that lead nowhere, or round to a folder that they lie in. */
  brokenLinks: string[];
  numBytes: number;
}

/**
 * Reads a text file, or every text file under a folder: recursively, in the order of their names, hidden entries left
 * out, through links as through what they lead to. Binary files are skipped and named in the result; a single binary file is an error.
 *
 * @throws UserError when the path is missing, unreadable, or holds no text.
 */
export async function readCorpus(path: string): Promise<Corpus> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    (error: unknown) => {
      throw fileError(`read data ${path}`, error);
    },
  );
  const found = isFolder ? await listFiles(path) : { files: [path], brokenLinks: [] };
  const corpus = await readDocuments(found.files, isFolder ? path : undefined);
  corpus.brokenLinks.push(...found.brokenLinks.map((link) => relative(path, link)));
  if (corpus.documents.length > 0) return corpus;

  const { binaryFiles, emptyFiles } = corpus;
  if (!isFolder && binaryFiles.length > 0) {
    throw new UserError(`${path} is not text: expected UTF-8 without NUL bytes.`);
  }
  if (!isFolder) throw new UserError(`${path} is empty: expected text.`);
  throw new UserError(
    `${path} holds no text: expected at least one file of UTF-8 text, got ${binaryFiles.length} binary and ${emptyFiles.length} empty files.`,
  );
}

/** Reads the given files in the given order. Names are relative to `base` where it is given. */
export async function readDocuments(paths: readonly string[], base?: string): Promise<Corpus> {
  const corpus: Corpus = { documents: [], binaryFiles: [], emptyFiles: [], brokenLinks: [], numBytes: 0 };
  for (const path of paths) {
    const name = base === undefined ? path : relative(base, path);
    const bytes = await readFile(path).catch((error: unknown) => {
      throw fileError(`read data ${path}`, error);
    });
    if (bytes.length === 0) corpus.emptyFiles.push(name);
    else if (bytes.includes(0) || !isUtf8(bytes)) corpus.binaryFiles.push(name);
    else {
      corpus.documents.push({ name, bytes });
      corpus.numBytes += bytes.length;
    }
  }
  return corpus;
}

/**
 * All files under a folder, depth first, sorted by code unit so that every machine sees the same order.
 *
 * @param above real paths of the folder's own and of those it lies in: a link to one of them leads round in a circle
 */
async function listFiles(
  folder: string,
  above: readonly string[] = [],
): Promise<Record<'files' | 'brokenLinks', string[]>> {
  const guard = (error: unknown) => {
    throw fileError(`read data ${folder}`, error);
  };
  const entries = await readdir(folder, { withFileTypes: true }).catch(guard);
  const inside = [...above, await realpath(folder).catch(guard)];
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const files: string[] = [];
  const brokenLinks: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    const target = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : entry;
    if (target?.isFile()) files.push(path);
    else if (entry.isSymbolicLink() && (!target || inside.includes(await realpath(path)))) brokenLinks.push(path);
    else if (target?.isDirectory()) {
      const below = await listFiles(path, inside);
      files.push(...below.files);
      brokenLinks.push(...below.brokenLinks);
    }
  }
  return { files, brokenLinks };
}
