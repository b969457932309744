import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

import { fileError } from '../../fileError.js';
import { type CacheIndex, headerBytes, parseIndex, readHeader } from './cacheFormat.js';

/** A cache that is there: its index, or what is wrong with it. */
export type FoundCache = { index: CacheIndex; bytes: number } | { problem: string };

/**
 * Reads the index of a cache; the pictures stay in the file. Checked are version, length, and the hash of the index, not
 * the pictures: that would mean reading them all.
 *
 * @returns undefined where there is none
 * @throws UserError where it can't be read.
 */
export async function readCache(path: string): Promise<FoundCache | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(`read the image cache ${path}`, error);
  }
  try {
    return await readFrom(handle);
  } catch (error) {
    throw fileError(`read the image cache ${path}`, error);
  } finally {
    await handle.close();
  }
}

async function readFrom(handle: FileHandle): Promise<FoundCache> {
  const { size } = await handle.stat();
  const header = Buffer.alloc(Math.min(size, headerBytes));
  await handle.read(header, 0, header.length, 0);
  const found = readHeader(header);
  if (typeof found === 'string') return { problem: found };
  const { offset, length, sha256 } = found;
  if (offset + length !== size) return { problem: `expected ${offset + length} bytes, got ${size}` };
  const bytes = Buffer.alloc(length);
  await handle.read(bytes, 0, length, offset);
  if (!createHash('sha256').update(bytes).digest().equals(sha256)) return { problem: 'its index is damaged' };
  try {
    return { index: parseIndex(bytes), bytes: size };
  } catch (error) {
    return { problem: `its index can't be read: ${(error as Error).message}` };
  }
}
