/** A letter of the vocabulary's tokens, and what can come after it. */
interface TrieNode {
  readonly next: Map<string, TrieNode>;
  /** Id of the token that ends here; -1 where none does. */
  id: number;
}

/** What an unknown letter scores below the least of the vocabulary, as in the reference. */
const unknownPenalty = 10;

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
  for (const [id, [token]] of vocab.entries()) {
    let node = root;
    for (const letter of token) {
      let child = node.next.get(letter);
      if (child === undefined) node.next.set(letter, (child = { next: new Map(), id: -1 }));
      node = child;
    }
    node.id = id;
  }

  return (word) => {
    const letters = Array.from(word);
    const { length } = letters;
    // Pieces in the order in which they begin: where each begins, the best sum up to its end, and the piece before it.
    const begins: number[] = [0];
    const sums: number[] = [0];
    const before: number[] = [-1];
    // Those that end at a place, in that order: the first and the last of them, and of each piece the next one.
    const first = new Int32Array(length + 1).fill(-1);
    const last = new Int32Array(length + 1).fill(-1);
    const following: number[] = [-1];
    first[0] = last[0] = 0;

    /** The piece that ends at a place with which another one of `score` has the largest sum. */
    const best = (place: number, score: number): number => {
      let [found, sum] = [first[place]!, sums[first[place]!]! + score];
      for (let piece = following[found]!; piece >= 0; piece = following[piece]!) {
        const other = sums[piece]! + score;
        if (other > sum) [found, sum] = [piece, other];
      }
      return found;
    };
    const add = (begin: number, end: number, score: number): void => {
      const previous = best(begin, score);
      const piece = begins.push(begin) - 1;
      sums.push(sums[previous]! + score);
      before.push(previous);
      following.push(-1);
      if (first[end]! < 0) first[end] = piece;
      else following[last[end]!] = piece;
      last[end] = piece;
    };

    for (let begin = 0; begin < length; begin++) {
      let hasLetter = false;
      let node = root.next.get(letters[begin]!);
      for (let end = begin + 1; node !== undefined; end++) {
        if (node.id >= 0) {
          add(begin, end, scores[node.id]!);
          hasLetter ||= end === begin + 1;
        }
        node = end < length ? node.next.get(letters[end]!) : undefined;
      }
      if (!hasLetter) add(begin, begin + 1, unknownScore);
    }
    const pieces: string[] = [];
    for (let piece = best(length, 0), end = length; piece > 0; piece = before[piece]!) {
      pieces.push(letters.slice(begins[piece], end).join(''));
      end = begins[piece]!;
    }
    return pieces.reverse();
  };
}
