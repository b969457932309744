/** More than any id is: what ids are counted in, two to a number. */
export const maxTokens = 2 ** 21;

/** Ranks by the pairs that have one: an open-addressing table from two ids to the rank of both together. */
export class PairTable {
  private readonly keys: Float64Array;
  private readonly values: Int32Array;
  private readonly mask: number;

  /** @param pairs two ids, below `maxTokens`, and the rank of both together. Of equal pairs the last one counts. */
  constructor(pairs: readonly (readonly [left: number, right: number, rank: number])[]) {
    const size = 2 ** Math.ceil(Math.log2(2 * pairs.length + 2));
    this.mask = size - 1;
    this.keys = new Float64Array(size).fill(-1);
    this.values = new Int32Array(size);
    for (const [left, right, rank] of pairs) {
      const key = left * maxTokens + right;
      const slot = this.slotOf(key);
      this.keys[slot] = key;
      this.values[slot] = rank;
    }
  }

  /**
   * The table of a vocabulary in which any two tokens may make a third.
   *
   * @param names bytes of each token, each a character of code 0 to 255; the id of a token is its rank.
   */
  static ofNames(names: readonly string[]): PairTable {
    const ids = new Map(names.map((name, id) => [name, id]));
    const pairs: [number, number, number][] = [];
    names.forEach((name, id) => {
      for (let cut = 1; cut < name.length; cut++) {
        const [left, right] = [ids.get(name.slice(0, cut)), ids.get(name.slice(cut))];
        if (left !== undefined && right !== undefined) pairs.push([left, right, id]);
      }
    });
    return new PairTable(pairs);
  }

  /** Rank of what two tokens make; -1 where they make nothing. */
  get(left: number, right: number): number {
    const key = left * maxTokens + right;
    const slot = this.slotOf(key);
    return this.keys[slot] === key ? this.values[slot]! : -1;
  }

  private slotOf(key: number): number {
    let slot = (Math.imul(Math.floor(key / maxTokens), 0x9e3779b1) ^ Math.imul(key % maxTokens, 0x85ebca6b)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & this.mask;
    while (this.keys[slot] !== -1 && this.keys[slot] !== key) slot = (slot + 1) & this.mask;
    return slot;
  }
}

/**
 * Byte-pair encoding of one word by ranks, as tiktoken does it: the pair with the lowest rank is merged first, of equals the
 * leftmost, until no pair has a rank. Time n log n in the length of the word, for words of one letter too.
 *
 * @param ids the ids of its bytes; overwritten
 * @param made the id of what a pair of each rank makes: the rank itself where it is not given
 */
export function bytePairMerge(ids: Int32Array, pairs: PairTable, made?: ArrayLike<number>): Int32Array {
  const n = ids.length;
  // Pieces as a linked list over the places at which they begin.
  const next = new Int32Array(n).map((_, i) => i + 1);
  const previous = new Int32Array(n + 1).map((_, i) => i - 1);
  // What the piece at a place makes with the next; -1 where nothing, or where no piece begins any more.
  const pairRank = new Int32Array(n).fill(-1);
  const waiting = new PlacesByRank();
  const watch = (place: number): number => {
    const second = next[place]!;
    const rank = (pairRank[place] = second < n ? pairs.get(ids[place]!, ids[second]!) : -1);
    if (rank < 0) return Infinity;
    waiting.add(rank, place);
    return rank;
  };
  for (let place = 0; place < n; place++) watch(place);
  for (let rank = waiting.lowest(); rank !== undefined; rank = waiting.lowest()) {
    const places = waiting.take(rank);
    for (let i = 0; i < places.length; i++) {
      const place = places[i]!;
      // A pair that has changed since waits under its new rank.
      if (pairRank[place] !== rank) continue;
      const second = next[place]!;
      const third = next[second]!;
      ids[place] = made === undefined ? rank : made[rank]!;
      next[place] = third;
      previous[third] = place;
      pairRank[second] = -1;
      const before = previous[place]!;
      const lowest = Math.min(watch(place), before >= 0 ? watch(before) : Infinity);
      if (lowest >= rank) continue;
      for (const later of places.slice(i + 1)) waiting.add(rank, later);
      break;
    }
  }
  let length = 0;
  for (let place = 0; place < n; place = next[place]!) ids[length++] = ids[place]!;
  return ids.subarray(0, length);
}

/** Places of pairs, in a list for each rank; the ranks that have one are a heap. */
class PlacesByRank {
  private readonly places = new Map<number, number[]>();
  private readonly ranks: number[] = [];

  add(rank: number, place: number): void {
    const places = this.places.get(rank);
    if (places !== undefined) {
      places.push(place);
      return;
    }
    this.places.set(rank, [place]);
    const { ranks } = this;
    let at = ranks.push(rank) - 1;
    for (; at > 0; at = (at - 1) >> 1) {
      const parent = (at - 1) >> 1;
      if (ranks[parent]! <= rank) break;
      ranks[at] = ranks[parent]!;
    }
    ranks[at] = rank;
  }

  lowest(): number | undefined {
    return this.ranks[0];
  }

  /** The places of the lowest rank, from left to right; it is gone then. */
  take(lowest: number): Int32Array {
    const { ranks } = this;
    const last = ranks.pop()!;
    const size = ranks.length;
    for (let at = 0; size > 0;) {
      let child = 2 * at + 1;
      if (child + 1 < size && ranks[child + 1]! < ranks[child]!) child++;
      if (child >= size || ranks[child]! >= last) {
        ranks[at] = last;
        break;
      }
      ranks[at] = ranks[child]!;
      at = child;
    }
    const places = Int32Array.from(this.places.get(lowest)!);
    this.places.delete(lowest);
    return places.every((place, i) => i === 0 || places[i - 1]! < place) ? places : places.sort();
  }
}
