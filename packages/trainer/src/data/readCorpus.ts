import { isUtf8 } from 'node:buffer';
import { readFile, readdir, stat } from 'node:fs/promises';
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
  numBytes: number;
}

/**
 * Reads a text file, or every text file under a folder: recursively, in the order of their names, hidden entries left
 * out. Binary files are skipped and named in the result; a single binary file is an error.
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
  const corpus = await readDocuments(isFolder ? await listFiles(path) : [path], isFolder ? path : undefined);
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
  const corpus: Corpus = { documents: [], binaryFiles: [], emptyFiles: [], numBytes: 0 };
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

/** All files under a folder, depth first, sorted by code unit so that every machine sees the same order. */
async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw fileError(`read data ${folder}`, error);
  });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const files: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...(await listFiles(path)));
    else if (entry.isFile() || (entry.isSymbolicLink() && (await isRegularFile(path)))) files.push(path);
  }
  return files;
}

// Links to folders are not followed: they may lead round in a circle.
async function isRegularFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
