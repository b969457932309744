import type { Writable } from 'node:stream';

/** Where a command writes. */
export interface Terminal {
  readonly out: Pick<Writable, 'write'>;
  readonly err: Pick<Writable, 'write'>;
}
