/**
 * Rows for each rank, where rank r has the r-th run of as many experts.
 * @param counts rows of each expert, by global id
 */
export function rowsPerRank(counts: ArrayLike<number>, ranks: number): number[] {
  const perRank = counts.length / ranks;
  const rows = new Array<number>(ranks).fill(0);
  for (let expert = 0; expert < counts.length; expert++) rows[Math.floor(expert / perRank)]! += counts[expert]!;
  return rows;
}

/** Counts of parts, each (ranks, experts of the part on a rank) flat, as one list for each rank: part by part. */
export function byRank(parts: readonly Int32Array[], ranks: number): Int32Array {
  const all: number[] = [];
  for (let rank = 0; rank < ranks; rank++) {
    for (const part of parts) {
      const here = part.length / ranks;
      all.push(...part.subarray(rank * here, (rank + 1) * here));
    }
  }
  return Int32Array.from(all);
}

/** What `byRank` put together: (ranks, experts here) flat of each part, which has `expertsHere` of them on a rank. */
export function byPart(all: ArrayLike<number>, expertsHere: readonly number[], ranks: number): Int32Array[] {
  const parts = expertsHere.map((here) => new Int32Array(ranks * here));
  let next = 0;
  for (let rank = 0; rank < ranks; rank++) {
    parts.forEach((part, i) => {
      for (let e = 0; e < expertsHere[i]!; e++) part[rank * expertsHere[i]! + e] = all[next++]!;
    });
  }
  return parts;
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
  const fromRanks = rowsPerRank(received, ranks);
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
