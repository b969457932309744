import { bytePairMerge, maxTokens, PairTable } from '../bytePairMerge.js';
import type { ModelJson } from './TokenizerJson.js';

/** Code points of Unicode: so many single characters may come on top of what the merges name. */
const codePoints = 0x110000;

/**
 * Byte-pair encoding of a word by the merges of `tokenizer.json`: the pair of the first merge goes first, of equals the
 * leftmost. Time n log n in the length of the word.
 *
 * @returns what makes tokens of a word; undefined where the merges name more tokens than can be counted here
 */
export function wordMerger(merges: NonNullable<ModelJson['merges']>): ((word: string) => string[]) | undefined {
  const names: string[] = [];
  const ids = new Map<string, number>();
  const idOf = (name: string): number => {
    let id = ids.get(name);
    if (id === undefined) ids.set(name, (id = names.push(name) - 1));
    return id;
  };
  const made = new Int32Array(merges.length);
  const pairs = merges.map((merge, rank) => {
    const [left, right] = (typeof merge === 'string' ? merge.split(' ', 2) : merge) as [string, string];
    made[rank] = idOf(left + right);
    return [idOf(left), idOf(right), rank] as const;
  });
  if (names.length > maxTokens - codePoints) return undefined;
  const table = new PairTable(pairs);
  return (word) => {
    // As many places as there could be characters: a list of numbers in place of one of texts.
    const characters = new Int32Array(word.length);
    let length = 0;
    for (const character of word) characters[length++] = idOf(character);
    const merged = bytePairMerge(characters.subarray(0, length), table, made);
    const tokens = new Array<string>(merged.length);
    for (let i = 0; i < merged.length; i++) tokens[i] = names[merged[i]!]!;
    return tokens;
  };
}
