import { UserError } from '@scmoe/errors';

import type { TextDocument } from './readCorpus.js';
import type { Tokenizer } from './Tokenizer.js';

/** Tokens of one split, documents one after the other, each ended by the tokenizer's end-of-text token. */
export interface TokenSequence {
  ids: Uint16Array | Int32Array;
  /** Bytes of text behind the tokens, for bits per byte. */
  numBytes: number;
}

/**
 * The documents as one sequence of token ids, each followed by the end-of-text token where the vocabulary has one.
 *
 * @throws UserError naming the document and the place of an id that is outside of the tokenizer's vocabulary
 */
export function tokenizeCorpus(documents: readonly TextDocument[], tokenizer: Tokenizer): TokenSequence {
  const { endOfText } = tokenizer;
  const pieces = documents.map(({ name, bytes }) => checked(tokenizer.encode(bytes), name, tokenizer.vocabSize));
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

/** A tokenizer may be anybody's, and its ids go into arrays that would take them for others. */
function checked(ids: ArrayLike<number>, name: string, vocabSize: number): ArrayLike<number> {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    if (id >= 0 && id < vocabSize && Number.isInteger(id)) continue;
    throw new UserError(`${name}: token ${i}: expected an id from 0 to ${vocabSize - 1}, got ${id}.`);
  }
  return ids;
}
