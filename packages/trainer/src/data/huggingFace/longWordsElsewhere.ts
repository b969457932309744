import type { TokenizerEngine } from './TokenizerEngine.js';

/** Letters without white space from which on the reference takes more than a second a megabyte, and ours half of that. */
const longWord = 50_000;

/**
 * An engine that has texts with very long words read by another one, which gives the same ids sooner.
 *
 * @param other made when the first such text comes; undefined where there is none for this tokenizer
 */
export function longWordsElsewhere(engine: TokenizerEngine, other: () => TokenizerEngine | undefined): TokenizerEngine {
  let made: { engine: TokenizerEngine | undefined } | undefined;
  return {
    ...engine,
    encode: (text, addSpecialTokens) => {
      const chosen = hasLongWord(text) ? (made ??= { engine: other() }).engine : undefined;
      return (chosen ?? engine).encode(text, addSpecialTokens);
    },
  };
}

function hasLongWord(text: string): boolean {
  return text.length >= longWord && text.split(/\s+/).some((word) => word.length >= longWord);
}
