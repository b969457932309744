/** A code unit of the vocabulary's tokens, and what can come after it. */
interface TrieNode {
  readonly next: Map<number, TrieNode>;
  /** Id of the token that ends here; -1 where none does. */
  id: number;
}

/** What an unknown letter scores below the least of the vocabulary, as in the reference. */
const unknownPenalty = 10;

/** More than the sum of two numbers is rounded by, as a share of their sizes. */
const roundingOfSums = 2 ** -48;

/**
 * The Unigram model (Kudo, arXiv 1804.10959): the pieces of a word whose scores have the largest sum, unknown letters one by
 * one. Scores are added, and of equal sums one is chosen, in the order in which `@huggingface/tokenizers` does it.
 *
 * @param vocab tokens and their scores, by id
 * @param unknown id of what unknown letters become
 * @returns what splits a word, in time proportional to its length
 */
export function unigramSplitter(
  vocab: readonly (readonly [string, number])[],
  unknown: number,
): (word: string) => string[] {
  const root: TrieNode = { next: new Map(), id: -1 };
  const scores = vocab.map(([, score]) => score);
  const unknownScore = scores.reduce((least, score) => Math.min(least, score), Infinity) - unknownPenalty;
  scores[unknown] = unknownScore;
  const largestScore = scores.reduce((largest, score) => Math.max(largest, Math.abs(score)), 0);
  for (const [id, [token]] of vocab.entries()) {
    let node = root;
    for (let i = 0; i < token.length; i++) {
      const unit = token.charCodeAt(i);
      let child = node.next.get(unit);
      if (child === undefined) node.next.set(unit, (child = { next: new Map(), id: -1 }));
      node = child;
    }
    node.id = id;
  }

  return (word) => {
    const { length } = word;
    // Pieces in the order in which they begin: what each is, the best sum up to its end, and the piece before it.
    const tokens: number[] = [unknown];
    const begins: number[] = [0];
    const sums: number[] = [0];
    const before: number[] = [-1];
    // Those that end at a place and may be on the best way, in that order: the first and the last of them, and of each the next.
    const first = new Int32Array(length + 1).fill(-1);
    const last = new Int32Array(length + 1).fill(-1);
    const following: number[] = [-1];
    first[0] = last[0] = 0;

    /** The piece that ends at a place with which another one of `score` has the largest sum. */
    const best = (place: number, score: number): number => {
      let found = first[place]!;
      for (let piece = following[found]!; piece >= 0; piece = following[piece]!) {
        if (sums[piece]! + score > sums[found]! + score) found = piece;
      }
      return found;
    };
    const add = (begin: number, end: number, token: number): void => {
      const score = scores[token]!;
      const previous = best(begin, score);
      const sum = sums[previous]! + score;
      // Most are far from the largest sum up to their end. Of those near to it rounding may make one the same.
      const ahead = first[end]! < 0 ? Infinity : sum - sums[first[end]!]!;
      const nearly = (Math.abs(sum) + largestScore) * roundingOfSums;
      if (ahead < -nearly) return;
      const piece = tokens.push(token) - 1;
      begins.push(begin);
      sums.push(sum);
      before.push(previous);
      following.push(-1);
      if (ahead > nearly) first[end] = piece;
      else following[last[end]!] = piece;
      last[end] = piece;
    };

    let begin = 0;
    while (begin < length) {
      // A pair of surrogates is one letter; no token ends inside of it.
      const next = begin + (word.codePointAt(begin)! > 0xffff ? 2 : 1);
      let hasLetter = false;
      let node = root.next.get(word.charCodeAt(begin));
      for (let end = begin + 1; node !== undefined; end++) {
        if (node.id >= 0) {
          add(begin, end, node.id);
          hasLetter ||= end === next;
        }
        node = end < length ? node.next.get(word.charCodeAt(end)) : undefined;
      }
      if (!hasLetter) add(begin, next, unknown);
      begin = next;
    }
    const pieces: string[] = [];
    for (let piece = best(length, 0), end = length; piece > 0; piece = before[piece]!) {
      const token = tokens[piece]!;
      // The vocabulary's own text, where it is that: a text that was there before is found at once in tables.
      pieces.push(token === unknown ? word.slice(begins[piece], end) : vocab[token]![0]);
      end = begins[piece]!;
    }
    return pieces.reverse();
  };
}
