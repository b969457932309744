import type { Writable } from 'node:stream';

/** The two streams that a launch writes to. */
export interface Terminal {
  out: Writable & { isTTY?: boolean };
  err: Writable & { isTTY?: boolean };
}
