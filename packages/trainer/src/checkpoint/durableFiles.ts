import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

import type { FileEntry } from './CheckpointIndex.js';

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

const largestWrite = 2 ** 26;

/** Writes a file that would survive a power cut from its pieces, which may lie in shared memory. */
export async function writePieces(path: string, pieces: readonly Uint8Array[]): Promise<FileEntry> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx');
  try {
    for (const piece of pieces) {
      // A single system call writes less than 2 GiB, and may write less than it was given.
      for (let done = 0; done < piece.length;) {
        const { bytesWritten } = await file.write(piece, done, Math.min(largestWrite, piece.length - done));
        hash.update(piece.subarray(done, done + bytesWritten));
        done += bytesWritten;
      }
      bytes += piece.length;
    }
    await file.sync();
  } finally {
    await file.close();
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
