import type { Tokenizer } from './Tokenizer.js';

/** Text that ends inside a character is held back until the character is whole, for at most this many tokens. */
const maxHeldBack = 4;

/**
 * Turns tokens into text as they come: each call gives the text that its token completes, possibly none; a last call without
 * a token gives what is still held back. Decoding starts at the last printed piece, not at the last token, because some
 * tokenizers drop the space before a first word. A decoder that changes text when more follows cannot take back what was
 * given.
 */
export function streamDecoder(tokenizer: Tokenizer): (id?: number) => string {
  // The ids of the last printed piece, then those that have not been printed.
  let window: number[] = [];
  let numPrinted = 0;
  let printed = '';
  return (id) => {
    if (id !== undefined) window.push(id);
    const text = tokenizer.decode(window);
    const isCut = text.endsWith('\ufffd') && window.length - numPrinted < maxHeldBack;
    // Tokens without a text, such as control tokens, stay in front of the next piece: it may begin with a space.
    if (text.length <= printed.length || (isCut && id !== undefined)) return '';
    const piece = text.slice(printed.length);
    window = window.slice(numPrinted);
    numPrinted = window.length;
    printed = tokenizer.decode(window);
    return piece;
  };
}
