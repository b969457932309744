import { open, rename, rm, type FileHandle } from 'node:fs/promises';

/**
 * Writes a file that appears under its name only when it is complete and flushed to disk; what was there stays until
 * then. Where `write` or the system fails, what was begun is removed and the error passed on.
 */
export async function writeAtomically(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const partial = `${path}.partial`;
  const file = await open(partial, 'w');
  try {
    await write(file);
    await file.sync();
    await file.close();
    await rename(partial, path);
  } catch (error) {
    // Closing twice or removing what is gone is no error worth more than the first one.
    await file.close().catch(() => undefined);
    await rm(partial, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Appends all bytes: a single system call writes less than 2 GiB, and may write less than it was given. */
export async function writeAll(
  file: FileHandle,
  bytes: Uint8Array,
  written: (part: Uint8Array) => void = () => undefined,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(2 ** 26, bytes.length - done));
    written(bytes.subarray(done, done + bytesWritten));
    done += bytesWritten;
  }
}
