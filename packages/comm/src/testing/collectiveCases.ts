import type { Communicator, Reduction } from '../communicator/Communicator.js';
import type { Work } from '../communicator/Work.js';
import { fromBf16, toBf16 } from '../data/bf16.js';
import type { CommDtype, HostArray } from '../data/dtypes.js';

export interface CollectiveCase {
  name: string;
  start: (c: Communicator) => Work<HostArray>;
  expected: (rank: number, size: number) => HostArray;
}

const dtypes = ['float32', 'bf16', 'int32'] as const;

/** Small whole numbers: sums, and means over 1, 2 or 4 ranks, are exact in every dtype and in any order. */
const period = 13;
const value = (rank: number, i: number) => ((7 * i + 3 * rank) % period) - 6;
const ramp = (rank: number, length: number) => Array.from({ length }, (_, i) => value(rank, i));
const ranksOf = (size: number) => Array.from({ length: size }, (_, rank) => rank);

function make(dtype: CommDtype, values: readonly number[]): HostArray {
  if (dtype === 'int32') return Int32Array.from(values);
  const floats = Float32Array.from(values);
  return dtype === 'bf16' ? toBf16(floats) : floats;
}

function repeated(pattern: readonly number[]): Float32Array {
  const result = new Float32Array(1_300_001);
  for (let i = 0; i < result.length; i++) result[i] = pattern[i % period]!;
  return result;
}

function reduced(op: Reduction, size: number, length: number): number[] {
  return Array.from({ length }, (_, i) => {
    const all = ranksOf(size).map((rank) => value(rank, i));
    if (op === 'max') return Math.max(...all);
    const sum = all.reduce((a, b) => a + b);
    return op === 'mean' ? sum / size : sum;
  });
}

/** Every collective in every dtype, with results that are known exactly, for 1, 2 or 4 ranks. */
export const collectiveCases: CollectiveCase[] = [
  ...dtypes.flatMap(moves),
  ...dtypes.flatMap(reductions),
  ...roundedMoves(),
  {
    name: 'allReduce(max) keeps NaN',
    start: (c) => c.allReduce(Float32Array.of(c.rank === 0 ? NaN : 1, c.rank === 0 ? -Infinity : -2), { op: 'max' }),
    expected: (_, size) => Float32Array.of(NaN, size === 1 ? -Infinity : -2),
  },
  {
    // More than one piece of what is staged at a time.
    name: 'allReduce of 5 MB',
    start: (c) => c.allReduce(repeated(ramp(c.rank, period))),
    expected: (_, size) => repeated(reduced('sum', size, period)),
  },
];

function moves(dtype: (typeof dtypes)[number]): CollectiveCase[] {
  const uneven = (from: number, to: number) => ((from + 1) * to) % 4;
  const tag = (from: number, to: number, length: number) => Array.from({ length }, (_, i) => 16 * from + 4 * to + i);
  const exchange = (name: string, count: (from: number, to: number) => number): CollectiveCase => ({
    name: `${name} of ${dtype}`,
    start: (c) => {
      const ranks = ranksOf(c.size);
      const data = ranks.flatMap((to) => tag(c.rank, to, count(c.rank, to)));
      return c.allToAllV(make(dtype, data), {
        sendCounts: ranks.map((to) => count(c.rank, to)),
        recvCounts: ranks.map((from) => count(from, c.rank)),
      });
    },
    expected: (rank, size) =>
      make(
        dtype,
        ranksOf(size).flatMap((from) => tag(from, rank, count(from, rank))),
      ),
  });
  return [
    exchange('allToAllV, uneven,', uneven),
    exchange('allToAllV of nothing', () => 0),
    {
      name: `allToAll of ${dtype}`,
      start: (c) =>
        c.allToAll(
          make(
            dtype,
            ranksOf(c.size).flatMap((to) => tag(c.rank, to, 3)),
          ),
        ),
      expected: (rank, size) =>
        make(
          dtype,
          ranksOf(size).flatMap((from) => tag(from, rank, 3)),
        ),
    },
    ...[0, 5].map((length) => ({
      name: `allGather of ${length} ${dtype}`,
      start: (c: Communicator) => c.allGather(make(dtype, ramp(c.rank, length))),
      expected: (_: number, size: number) =>
        make(
          dtype,
          ranksOf(size).flatMap((from) => ramp(from, length)),
        ),
    })),
    {
      name: `allGatherV of ${dtype}, none from rank 0`,
      start: (c) =>
        c.allGatherV(make(dtype, ramp(c.rank, 3 * c.rank)), { recvCounts: ranksOf(c.size).map((from) => 3 * from) }),
      expected: (_, size) =>
        make(
          dtype,
          ranksOf(size).flatMap((from) => ramp(from, 3 * from)),
        ),
    },
    ...[0, 7].map((length) => ({
      name: `broadcast of ${length} ${dtype} from the last rank`,
      start: (c: Communicator) => c.broadcast(make(dtype, ramp(c.rank, length)), { root: c.size - 1 }),
      expected: (_: number, size: number) => make(dtype, ramp(size - 1, length)),
    })),
  ];
}

function reductions(dtype: (typeof dtypes)[number]): CollectiveCase[] {
  const ops = (['sum', 'mean', 'max'] as const).filter((op) => op !== 'mean' || dtype !== 'int32');
  return ops.flatMap((op) => [
    ...[0, 1, 5, 1000].map((length) => ({
      name: `allReduce(${op}) of ${length} ${dtype}`,
      start: (c: Communicator) => c.allReduce(make(dtype, ramp(c.rank, length)), { op }),
      expected: (_: number, size: number) => make(dtype, reduced(op, size, length)),
    })),
    {
      name: `reduceScatter(${op}) of ${dtype}`,
      start: (c) => c.reduceScatter(make(dtype, ramp(c.rank, 6 * c.size)), { op }),
      expected: (rank, size) => make(dtype, reduced(op, size, 6 * size).slice(6 * rank, 6 * rank + 6)),
    },
  ]);
}

/** float32 that travels as bf16. */
function roundedMoves(): CollectiveCase[] {
  const exact = (rank: number, length: number) => Float32Array.from(ramp(rank, length), (x) => 1 + x / 1000);
  const rounded = (rank: number, length: number) => fromBf16(toBf16(exact(rank, length)));
  const joined = (parts: Float32Array[]) => Float32Array.from(parts.flatMap((part) => Array.from(part)));
  return [
    {
      name: 'allToAll as bf16',
      start: (c) => c.allToAll(exact(c.rank, 2 * c.size), { as: 'bf16' }),
      expected: (rank, size) =>
        joined(ranksOf(size).map((from) => rounded(from, 2 * size).subarray(2 * rank, 2 * rank + 2))),
    },
    {
      name: 'allGather as bf16',
      start: (c) => c.allGather(exact(c.rank, 3), { as: 'bf16' }),
      expected: (_, size) => joined(ranksOf(size).map((from) => rounded(from, 3))),
    },
    {
      name: 'broadcast as bf16, rounded on the root as well',
      start: (c) => c.broadcast(exact(c.rank, 9), { as: 'bf16' }),
      expected: () => rounded(0, 9),
    },
  ];
}

/** Runs all cases on ranks that this process has. @returns what went wrong, a line each */
export async function runCases(ranks: readonly Communicator[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, start, expected } of collectiveCases) {
    const results = await Promise.all(ranks.map((c) => start(c).done));
    for (const [i, result] of results.entries()) {
      const { rank, size } = ranks[i]!;
      const difference = differenceOf(result, expected(rank, size));
      if (difference !== undefined) wrong.push(`${name}, rank ${rank}: ${difference}`);
    }
  }
  return wrong;
}

/** Whether two arrays hold the same numbers, NaN included and -0 as 0: what a difference looks like, or undefined. */
function differenceOf(actual: HostArray, expected: HostArray): string | undefined {
  if (actual.length !== expected.length) return `${actual.length} elements, expected ${expected.length}`;
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [actual[i]!, expected[i]!];
    if (a !== b && !(Number.isNaN(a) && Number.isNaN(b))) return `element ${i} is ${a}, expected ${b}`;
  }
  return undefined;
}
