import { textOf } from './textOf.js';
import type { Tokenizer } from './Tokenizer.js';

const endOfText = 256;

/** One token a byte, and one more that ends a document: 257 in all. Every text can be written, none is unknown. */
export function byteTokenizer(): Tokenizer {
  return {
    description: { kind: 'byte' },
    vocabSize: endOfText + 1,
    endOfText,
    encode: (bytes) => bytes,
    decode: (ids) => textOf(Uint8Array.from(ids.filter((id) => id < endOfText))),
  };
}
