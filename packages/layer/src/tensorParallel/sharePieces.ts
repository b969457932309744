import type { TensorShard } from './TensorGroup.js';

/** Packed rows that a tensor-parallel group shares out: rows without gaps, or as many slots of each expert. */
export interface SharedRows {
  /** Rows of each expert. */
  counts: ArrayLike<number>;
  /** Slots of each expert; 0 where rows follow each other. */
  capacity: number;
  /** Experts of each run of them, which one rank has, or `shards` neighbours in slices. */
  experts: readonly number[];
  shards: number;
}

/** Rows that travel together: those of some neighbouring runs of the experts. */
export interface SharePiece {
  /** The ranks that have them: as many neighbours in every piece, who hold whole runs and are whole tensor-parallel groups. */
  unit: number;
  /** The first of those runs, and how many there are. */
  firstRun: number;
  numRuns: number;
  /** Rows of the piece that each rank of the tensor-parallel group has. */
  shares: readonly number[];
}

/** How rows come back to the ranks of a tensor-parallel group. */
export interface SharePieces {
  /** The pieces in the order in which they come: first from here, then from ranks farther and farther off. */
  pieces: readonly SharePiece[];
  /** All rows, and the place among them of each that is gathered, piece by piece and rank by rank; -1 for a slot that there is not. */
  numRows: number;
  places: Int32Array;
}

/**
 * The units in which rows come back: ranks that hold whole runs of the experts and are whole tensor-parallel groups.
 *
 * @param place the rank in the expert group
 */
export function unitsOfPieces(
  { rank, size }: TensorShard,
  { groupSize, shards }: { groupSize: number; shards: number },
): { unitSize: number; numUnits: number; own: number } {
  const unitSize = leastCommonMultiple(groupSize, shards);
  return { unitSize, numUnits: size / unitSize, own: Math.floor(rank / unitSize) };
}

/**
 * Cuts the way back of rows that a tensor-parallel group has shared out into pieces of which one can be gathered while the next
 * is on its way (Parm's SAA, arXiv 2407.00599): piece i of a rank comes from the ranks i units before its own.
 *
 * @param place the rank in the expert group
 * @param group its place in the tensor-parallel group, whose share of the rows is every `size`-th
 */
export function sharePieces(
  { counts, capacity, experts, shards }: SharedRows,
  place: TensorShard,
  group: TensorShard,
): SharePieces {
  const { size } = group;
  const { unitSize, numUnits, own } = unitsOfPieces(place, { groupSize: size, shards });
  const runsOfUnit = unitSize / shards;
  const firstExpert = runningSums(experts);
  const firstRow = runningSums(capacity > 0 ? Array.from(counts, () => capacity) : counts);
  const each = Math.ceil(capacity / size);
  const pieces: SharePiece[] = [];
  const places: number[] = [];
  for (let i = 0; i < numUnits; i++) {
    const unit = (own - i + numUnits) % numUnits;
    const firstRun = unit * runsOfUnit;
    const [begin, end] = [firstExpert[firstRun]!, firstExpert[firstRun + runsOfUnit]!];
    const shares: number[] = [];
    for (let rank = 0; rank < size; rank++) {
      const before = places.length;
      if (capacity > 0) {
        for (let expert = begin; expert < end; expert++)
          for (let slot = rank; slot < each * size; slot += size)
            places.push(slot < capacity ? expert * capacity + slot : -1);
      } else {
        const [first, last] = [firstRow[begin]!, firstRow[end]!];
        for (let row = first + ((((rank - first) % size) + size) % size); row < last; row += size) places.push(row);
      }
      shares.push(places.length - before);
    }
    pieces.push({ unit, firstRun, numRuns: runsOfUnit, shares });
  }
  return { pieces, numRows: firstRow.at(-1)!, places: Int32Array.from(places) };
}

/** 0, and the sums up to each number. */
function runningSums(numbers: ArrayLike<number>): number[] {
  let sum = 0;
  return [0, ...Array.from(numbers, (number) => (sum += number))];
}

function leastCommonMultiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  return (a * b) / divisor(a, b);
}
