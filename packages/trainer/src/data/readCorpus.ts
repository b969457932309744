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
  /** Names of links that lead nowhere. */
  brokenLinks: string[];
  numBytes: number;
}

/**
 * Reads a text file, or every text file under a folder: recursively, links followed, in the order of their names,
 * hidden entries left out. Binary files are skipped and named in the result; a single binary file is an error.
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
  const { files, brokenLinks } = isFolder ? await listFiles(path) : { files: [path], brokenLinks: [] };
  const corpus = await readDocuments(files, isFolder ? path : undefined);
  corpus.brokenLinks = brokenLinks.map((link) => relative(path, link));
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
 * All files under a folder, depth first, sorted by code unit so that every machine sees the same order. Links to folders are
 * followed, a corpus may be put together from several disks; one that leads back to a folder around it is left out.
 *
 * @param around real paths of the folders around this one
 */
async function listFiles(folder: string, around: readonly string[] = []): Promise<Found> {
  const real = await realpath(folder).catch(() => folder);
  const result: Found = { files: [], brokenLinks: [] };
  if (around.includes(real)) return result;
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw fileError(`read data ${folder}`, error);
  });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    const found = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : entry;
    if (found === undefined) result.brokenLinks.push(path);
    else if (found.isDirectory()) {
      const { files, brokenLinks } = await listFiles(path, [...around, real]);
      result.files.push(...files);
      result.brokenLinks.push(...brokenLinks);
    } else if (found.isFile()) result.files.push(path);
  }
  return result;
}

interface Found {
  files: string[];
  /** Links that lead nowhere. */
  brokenLinks: string[];
}
