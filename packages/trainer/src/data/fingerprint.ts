import { createHash } from 'node:crypto';

import type { TokenSequence } from './tokenizeCorpus.js';

/** SHA-256 over the tokens of all splits: two runs saw the same data where it is equal. */
export function fingerprint(...sequences: TokenSequence[]): string {
  const hash = createHash('sha256');
  for (const { ids } of sequences) {
    hash.update(`${ids.length}:${ids.BYTES_PER_ELEMENT};`);
    hash.update(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength));
  }
  return hash.digest('hex');
}
