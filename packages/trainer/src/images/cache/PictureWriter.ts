import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

import { headerBytes } from './cacheFormat.js';

const bufferBytes = 1 << 22;

/** Appends pictures to a file, some megabytes at a time, and keeps a hash of them. */
export class PictureWriter {
  readonly hash = createHash('sha256');
  /** Where the next byte goes. */
  position = headerBytes;
  private readonly buffer = new Uint8Array(bufferBytes);
  private filled = 0;

  constructor(private readonly handle: FileHandle) {}

  async add(data: Uint8Array): Promise<void> {
    this.hash.update(data);
    for (let from = 0; from < data.length;) {
      const some = data.subarray(from, from + bufferBytes - this.filled);
      this.buffer.set(some, this.filled);
      this.filled += some.length;
      from += some.length;
      if (this.filled === bufferBytes) await this.flush();
    }
  }

  async flush(): Promise<void> {
    await writeAll(this.handle, this.buffer.subarray(0, this.filled), this.position);
    this.position += this.filled;
    this.filled = 0;
  }
}

/** Writes all bytes: one call may write fewer, where a disk is nearly full. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let from = 0; from < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, from, bytes.length - from, position + from);
    from += bytesWritten;
  }
}
