import type { Tokenizer } from './Tokenizer.js';

/** A token that ends inside a character is held back until the character is whole, for at most this many tokens. */
const maxHeldBack = 4;

/**
 * Turns tokens into text as they come: each call gives the text that its token completes, possibly none. Decoding starts
 * at the last printed piece, not at the last token, because some tokenizers drop the space before a first word.
 */
export function streamDecoder(tokenizer: Tokenizer): (id: number) => string {
  let printed: number[] = [];
  let pending: number[] = [];
  return (id) => {
    pending.push(id);
    const before = tokenizer.decode(printed);
    const text = tokenizer.decode([...printed, ...pending]);
    if (text.endsWith('\ufffd') && pending.length < maxHeldBack) return '';
    printed = pending;
    pending = [];
    return text.slice(before.length);
  };
}
