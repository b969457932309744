import { writeSync } from 'node:fs';

/**
 * Writes a line to stdout before it returns, so that a process that ends next has said it. A pipe whose reader is slow is full at
 * times, which a descriptor that does not wait calls an error: then it waits and goes on.
 */
export function writeNow(line: string): void {
  let rest = Buffer.from(`${line}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
