import { encode } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/** Parts in which rows come to the experts of a rank: part t * expertChunks + i has chunk t of the tokens for run i of the experts. */
export interface ArrivedParts {
  expertChunks: number;
  /** Numbers of rows of each part, for each of its experts from each rank. In a part, rows lie by expert, then by rank. */
  rows: readonly (readonly ArrayLike<number>[])[];
}

/** Rows that follow each other in a part. */
export interface RowRun {
  part: number;
  start: number;
  count: number;
}

/** Rows of an expert from a rank in a part; `first` counts those in the parts before. */
interface Stretch extends RowRun {
  first: number;
}

/**
 * Where the rows of each part of one cut lie in the parts of another one of the same tokens, in runs as long as they go. Rows of an
 * expert from a rank come in one order, whatever the cut.
 */
export function rowsBetween(from: ArrivedParts, to: ArrivedParts): RowRun[][] {
  const known = stretchesOf(from);
  const runs = to.rows.map((): (RowRun & { at: number })[] => []);
  for (const [key, stretches] of stretchesOf(to)) {
    for (const { part, start, first, count } of stretches) {
      for (const other of known.get(key) ?? []) {
        const begin = Math.max(first, other.first);
        const end = Math.min(first + count, other.first + other.count);
        if (end <= begin) continue;
        const own = { part: other.part, start: other.start + begin - other.first, count: end - begin };
        runs[part]!.push({ ...own, at: start + begin - first });
      }
    }
  }
  return runs.map(merged);
}

/** Stretches by expert of the rank and rank, in the order of the chunks of the tokens. */
function stretchesOf({ expertChunks, rows }: ArrivedParts): Map<string, Stretch[]> {
  const found = new Map<string, Stretch[]>();
  rows.forEach((experts, part) => {
    const firstExpert = (part % expertChunks) * experts.length;
    let start = 0;
    experts.forEach((fromRanks, e) => {
      for (let rank = 0; rank < fromRanks.length; rank++) {
        const key = `${firstExpert + e} ${rank}`;
        const stretches = found.get(key) ?? [];
        const last = stretches.at(-1);
        const count = fromRanks[rank]!;
        stretches.push({ part, start, count, first: last ? last.first + last.count : 0 });
        found.set(key, stretches);
        start += count;
      }
    });
  });
  return found;
}

function merged(runs: readonly (RowRun & { at: number })[]): RowRun[] {
  const all: RowRun[] = [];
  for (const { part, start, count } of [...runs].sort((a, b) => a.at - b.at)) {
    const last = all.at(-1);
    if (last?.part === part && last.start + last.count === start) last.count += count;
    else all.push({ part, start, count });
  }
  return all;
}

/** More pieces than this are gathered row by row. */
const mostPieces = 8;

/** The rows of these runs, one after the other. @param parts by their numbers, (R, n) each */
export function takeRuns(parts: ReadonlyMap<number, tf.Tensor2D>, runs: readonly RowRun[]): tf.Tensor2D {
  const width = [...parts.values()][0]!.shape[1];
  const pieceOf = ({ part, start, count }: RowRun): tf.Tensor2D => {
    const whole = parts.get(part)!;
    return count === whole.shape[0] ? whole : tf.slice(whole, [start, 0], [count, width]);
  };
  if (runs.length === 0) return tf.zeros([0, width]);
  if (runs.length === 1) return pieceOf(runs[0]!).clone();
  if (runs.length <= mostPieces) return tf.concat(runs.map(pieceOf));
  const needed = [...new Set(runs.map(({ part }) => part))];
  const starts = new Map<number, number>();
  let numRows = 0;
  for (const part of needed) {
    starts.set(part, numRows);
    numRows += parts.get(part)!.shape[0];
  }
  const all = tf.concat(needed.map((part) => parts.get(part)!));
  const places = new Int32Array(numRows).fill(-1);
  let row = 0;
  for (const { part, start, count } of runs)
    for (let i = 0; i < count; i++) places[starts.get(part)! + start + i] = row++;
  return moveRowsTo(all, places, row);
}

/** Row i goes to row `places[i]` of `numRows`, or nowhere where that is -1 or there is none; rows to which none goes are zero. */
export function moveRowsTo(rows: tf.Tensor2D, places: Int32Array, numRows: number): tf.Tensor2D {
  const ofAll = new Int32Array(rows.shape[0]).fill(-1);
  ofAll.set(places.subarray(0, ofAll.length));
  return encode(rows, tf.tensor2d(ofAll, [ofAll.length, 1], 'int32'), { numRows });
}
