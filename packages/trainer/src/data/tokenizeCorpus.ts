import { createHash } from 'node:crypto';

import type { TextDocument } from './readCorpus.js';
import type { Tokenizer } from './Tokenizer.js';

/** Tokens of one split, documents one after the other, each ended by the tokenizer's end-of-text token. */
export interface TokenSequence {
  ids: Uint16Array | Int32Array;
  /** Bytes of text behind the tokens, for bits per byte. */
  numBytes: number;
}

/** The documents as one sequence of token ids, each followed by the end-of-text token where the vocabulary has one. */
export function tokenizeCorpus(documents: readonly TextDocument[], tokenizer: Tokenizer): TokenSequence {
  const { endOfText } = tokenizer;
  const pieces = documents.map(({ bytes }) => tokenizer.encode(bytes));
  const ending = endOfText === undefined ? 0 : 1;
  const length = pieces.reduce((sum, piece) => sum + piece.length + ending, 0);
  const ids = tokenizer.vocabSize <= 0x10000 ? new Uint16Array(length) : new Int32Array(length);
  let offset = 0;
  for (const piece of pieces) {
    ids.set(piece, offset);
    offset += piece.length;
    if (endOfText !== undefined) ids[offset++] = endOfText;
  }
  return { ids, numBytes: documents.reduce((sum, { bytes }) => sum + bytes.length, 0) };
}

/** SHA-256 over the tokens of all splits: two runs saw the same data where it is equal. */
export function fingerprint(...sequences: TokenSequence[]): string {
  const hash = createHash('sha256');
  for (const { ids } of sequences) {
    hash.update(`${ids.length}:${ids.BYTES_PER_ELEMENT};`);
    hash.update(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength));
  }
  return hash.digest('hex');
}
