import type { Writable } from 'node:stream';

/** Where a command writes. */
export interface Terminal {
  out: Writable & { isTTY?: boolean };
  err: Writable & { isTTY?: boolean };
}
