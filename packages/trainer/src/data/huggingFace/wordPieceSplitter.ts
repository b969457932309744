import type { ModelJson } from './TokenizerJson.js';

/** Letters of a word above which it is unknown as a whole, where the file does not say. */
const usualLimit = 100;

/**
 * WordPiece (Devlin et al., arXiv 1810.04805): at every place the longest token that the rest of the word begins with; a word
 * for a part of which there is none is unknown as a whole.
 *
 * @param ids the vocabulary
 * @returns what splits words: time proportional to their length, for no more letters are tried than the longest token has
 */
export function wordPieceSplitter(
  ids: ReadonlyMap<string, number>,
  { unk_token, ...options }: ModelJson,
): (words: readonly string[]) => string[] {
  const unknown = unk_token as string;
  // As the library joins it: a file without one gets its word for that.
  const prefix = String(options['continuing_subword_prefix']);
  const limit = (options['max_input_chars_per_word'] as number | null | undefined) ?? usualLimit;
  let longest = 0;
  for (const token of ids.keys()) longest = Math.max(longest, token.length);

  return (words) => {
    const pieces: string[] = [];
    for (const word of words) {
      if (word.length > limit && lengthOf(word) > limit) {
        pieces.push(unknown);
        continue;
      }
      const before = pieces.length;
      let start = 0;
      while (start < word.length) {
        const beginning = start > 0 ? prefix : '';
        let end = Math.min(word.length, start + longest);
        let piece = beginning + word.slice(start, end);
        while (end > start && (isInside(word, end) || !ids.has(piece))) piece = beginning + word.slice(start, --end);
        if (end === start) {
          pieces.length = before;
          pieces.push(unknown);
          break;
        }
        pieces.push(piece);
        start = end;
      }
    }
    return pieces;
  };
}

/** Letters of a text: a pair of surrogates is one. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}

/** Whether a place is inside of a letter. */
function isInside(text: string, place: number): boolean {
  return place < text.length && place > 0 && text.codePointAt(place - 1)! > 0xffff;
}
