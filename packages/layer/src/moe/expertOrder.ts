/**
 * Rows for each rank.
 *
 * @param counts rows of each expert, by global id
 * @param shares experts of each rank, one run after the other
 */
export function rowsPerRank(counts: ArrayLike<number>, shares: readonly number[]): number[] {
  let next = 0;
  return shares.map((share) => {
    let rows = 0;
    for (const end = next + share; next < end; next++) rows += counts[next]!;
    return rows;
  });
}

/**
 * Counts of parts as one list of equal length for each run of the experts: part by part, and the whole list once more for each
 * further rank that holds a slice of it. Where a run has fewer experts than another, zeros
 * stand for those that it has not.
 *
 * @param parts (experts) by global id
 * @param shares of each part: experts of each run
 * @param shards ranks that hold a slice each of the same run
 */
export function byRank(parts: readonly Int32Array[], shares: readonly (readonly number[])[], shards = 1): Int32Array {
  const ofRun = (run: number) =>
    parts.flatMap((part, i) => {
      const [own, begin] = [shares[i]![run]!, sum(shares[i]!.slice(0, run))];
      return [...part.subarray(begin, begin + own), ...new Array<number>(Math.max(...shares[i]!) - own).fill(0)];
    });
  const all = shares[0]!.flatMap((_, run) => new Array<number[]>(shards).fill(ofRun(run)).flat());
  return Int32Array.from(all);
}

/** What came from all ranks of what each has put together with `byRank`: of each part (ranks, experts of `rank`) flat. */
export function byPart(all: ArrayLike<number>, shares: readonly (readonly number[])[], rank: number): Int32Array[] {
  const ranks = shares[0]!.length;
  const parts = shares.map((own) => new Int32Array(ranks * own[rank]!));
  let next = 0;
  for (let from = 0; from < ranks; from++) {
    shares.forEach((own, i) => {
      for (let e = 0; e < own[rank]!; e++) parts[i]![from * own[rank]! + e] = all[next + e]!;
      next += Math.max(...own);
    });
  }
  return parts;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Where rows that came rank by rank, and within a rank expert by expert, stand when they are put expert by expert. */
export interface ExpertOrder {
  /** Rows of each expert here, from all ranks. */
  counts: Int32Array;
  /** Rows from each rank. */
  fromRanks: number[];
  /** Row i of those that came is row `places[i]` in the order of the experts; the rows of a rank stay in their order. */
  places: Int32Array;
}

/** @param received rows by rank, then by expert here: (ranks, experts here), flat */
export function expertOrder(received: ArrayLike<number>, ranks: number): ExpertOrder {
  const experts = received.length / ranks;
  const counts = new Int32Array(experts);
  for (let i = 0; i < received.length; i++) counts[i % experts]! += received[i]!;

  const next = new Int32Array(experts); // first free row of each expert
  for (let expert = 1; expert < experts; expert++) next[expert] = next[expert - 1]! + counts[expert - 1]!;
  const fromRanks = rowsPerRank(received, new Array<number>(ranks).fill(experts));
  const places = new Int32Array(fromRanks.reduce((sum, rows) => sum + rows, 0));
  let row = 0;
  for (let i = 0; i < received.length; i++) {
    const end = row + received[i]!;
    let place = next[i % experts]!;
    while (row < end) places[row++] = place++;
    next[i % experts] = place;
  }
  return { counts, fromRanks, places };
}

/** The permutation that undoes this one. */
export function inverseOf(places: Int32Array): Int32Array {
  const inverse = new Int32Array(places.length);
  places.forEach((place, row) => (inverse[place] = row));
  return inverse;
}
