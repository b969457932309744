import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fdatasyncSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

import type { FileEntry } from './CheckpointIndex.js';
import type { Pace } from './Pace.js';

/** Makes sure that a file, or the names in a folder, would survive a power cut. */
export async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a text file that would survive a power cut. */
export async function writeText(path: string, text: string): Promise<FileEntry> {
  const bytes = Buffer.from(text);
  await writeFile(path, bytes);
  await flush(path);
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** About a millisecond of writing and of SHA-256. */
const largestWrite = 2 ** 20;
/** What is flushed in one go beside training: a disk that is given a whole checkpoint at once keeps a core busy with it. */
const largestFlush = 2 ** 25;

/**
 * Writes a file that would survive a power cut from its pieces, which may lie in shared memory. It blocks: in a thread of its
 * own all is done with that thread's priority, where promises would have the threads of the whole process work for it.
 *
 * @param pace of the thread, where something else goes on beside it
 */
export function writePieces(path: string, pieces: readonly Uint8Array[], pace?: Pace): FileEntry {
  const hash = createHash('sha256');
  let [bytes, flushed] = [0, 0];
  const file = openSync(path, 'wx');
  try {
    for (const piece of pieces) {
      // A single system call writes less than 2 GiB, and may write less than it was given.
      for (let done = 0; done < piece.length;) {
        const written = writeSync(file, piece, done, Math.min(largestWrite, piece.length - done));
        hash.update(piece.subarray(done, done + written));
        done += written;
        bytes += written;
        pace?.rest();
        if (pace?.isHurried === false && bytes - flushed >= largestFlush) {
          fdatasyncSync(file);
          flushed = bytes;
        }
      }
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Size and SHA-256 of a file, read piece by piece. */
export async function describeFile(path: string): Promise<FileEntry> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) {
      bytes += chunk.length;
      hash.update(chunk);
    }
  });
  return { bytes, sha256: hash.digest('hex') };
}
