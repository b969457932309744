import { UserError } from '@scmoe/errors';

import type { TextDocument } from './readCorpus.js';
import { textOf } from './textOf.js';
import type { Tokenizer } from './Tokenizer.js';

/** One token a character that `characters` lists (code points, each once): nanoGPT's character level. */
export function characterTokenizer(characters: string): Tokenizer {
  const symbols = [...characters];
  const ids = new Map(symbols.map((symbol, id) => [symbol, id]));
  return {
    description: { kind: 'character', characters },
    vocabSize: symbols.length,
    endOfText: undefined,
    encode: (bytes) =>
      Array.from(textOf(bytes), (symbol) => {
        const id = ids.get(symbol);
        if (id === undefined) {
          throw new UserError(
            `Character ${JSON.stringify(symbol)} is not in the vocabulary: expected one of the ${symbols.length} characters of the training data.`,
          );
        }
        return id;
      }),
    decode: (tokens) => tokens.map((id) => symbols[id] ?? '').join(''),
  };
}

/** The distinct characters of some documents, sorted by code point. */
export function charactersOf(documents: readonly TextDocument[]): string {
  const found = new Set<string>();
  for (const { bytes } of documents) for (const symbol of textOf(bytes)) found.add(symbol);
  return [...found].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!).join('');
}
