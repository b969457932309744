import { ArgumentError, expectNonNegative } from '@scmoe/errors';

import type { CallCost } from './CallCost.js';
import { possibleSchedules, type ClusterSchedule, type TensorSlices, type TravellingBytes } from './tensorSchedules.js';

/** The collectives by which the tokens of a tensor-parallel group come to their experts. */
export interface ScheduleCalls {
  /** All-to-all of the ranks that share the experts. */
  readonly experts: CallCost;
  /** All-to-all of those of them that have the same place in their tensor-parallel groups; where there is `base`. */
  readonly peers?: CallCost;
  /** Sum and gather over the tensor-parallel group. */
  readonly sum: CallCost;
  readonly gather: CallCost;
  /**
   * Exchange and gather in pieces, each gathered while the next is on its way, by the bytes that a rank hands over in the exchange; where
   * there are several pieces.
   */
  readonly fused?: CallCost;
}

/** What travels in a layer, in bytes. */
export interface LayerBytes extends TravellingBytes {
  /** Rows of a buffer with as many slots for every expert; absent without a capacity. */
  readonly slots?: number;
  /** Row counts of all experts. */
  readonly counts: number;
}

/** Schedules, the quickest first, with what their collectives take in a step of training. */
export type RankedSchedules = readonly { readonly schedule: ClusterSchedule; readonly ms: number }[];

/**
 * The line through measured calls, by least squares of the relative error, so that small calls count as much as large ones. Neither
 * latency nor rate is below zero: noise is not taken for speed.
 *
 * @throws ArgumentError for calls of fewer than two sizes, or times that are none
 */
export function fitCall(calls: readonly { readonly bytes: number; readonly ms: number }[]): CallCost {
  for (const { bytes, ms } of calls) {
    expectNonNegative('bytes', bytes);
    if (!(ms > 0)) throw new ArgumentError(`ms: expected a time above zero, got ${ms}`);
  }
  if (new Set(calls.map(({ bytes }) => bytes)).size < 2)
    throw new ArgumentError('fitCall: expected calls of at least two sizes');
  const sum = (value: (call: (typeof calls)[number]) => number) =>
    calls.reduce((total, call) => total + value(call) / (call.ms * call.ms), 0);
  const weight = sum(() => 1);
  const [meanBytes, meanMs] = [sum(({ bytes }) => bytes) / weight, sum(({ ms }) => ms) / weight];
  const spread = sum(({ bytes }) => (bytes - meanBytes) ** 2);
  const slope = sum(({ bytes, ms }) => (bytes - meanBytes) * (ms - meanMs)) / spread;
  if (slope <= 0) return { alphaMs: meanMs, msPerByte: 0 };
  const alphaMs = meanMs - slope * meanBytes;
  if (alphaMs >= 0) return { alphaMs, msPerByte: slope };
  return { alphaMs: 0, msPerByte: sum(({ bytes, ms }) => bytes * ms) / sum(({ bytes }) => bytes * bytes) };
}

/**
 * Orders the schedules that slices can have by what their collectives take together, forward and backward (Parm, arXiv
 * 2407.00599): whether any of it is hidden is not asked. Equal ones stand as in `clusterSchedules`.
 */
export function rankSchedules(
  layer: LayerBytes,
  { tensorParallel: size, expertShards: shards = 1 }: Pick<TensorSlices, 'tensorParallel' | 'expertShards'>,
  calls: ScheduleCalls,
): RankedSchedules {
  const { tokens, rows, weights, slots, counts } = layer;
  const packed = slots ?? rows;
  const share = shards / size;
  const time = ({ alphaMs, msPerByte }: CallCost, bytes: number) => alphaMs + bytes * msPerByte;
  // Where every expert has as many slots no word is needed beforehand; s1 sends the rows alone that were kept.
  const word = (call: CallCost, bytes: number) => (slots === undefined ? time(call, bytes) : 0);
  const { experts, peers = experts, sum, gather, fused } = calls;
  const msOf: Record<ClusterSchedule, () => number> = {
    base: () => word(peers, counts) + 4 * time(peers, packed) + 2 * time(sum, tokens) + time(sum, weights),
    s1: () =>
      time(experts, counts * shards) +
      4 * time(experts, rows * share) +
      2 * time(gather, tokens / size) +
      time(gather, weights / size),
    s2: () => word(experts, counts * shards) + 4 * time(experts, packed * share) + 2 * time(gather, packed / size),
    's2-fused': () =>
      word(experts, counts * shards) + 2 * time(experts, packed * share) + 2 * time(fused!, packed * share),
  };
  return possibleSchedules({ tensorParallel: size, expertShards: shards })
    .filter((schedule) => schedule !== 's2-fused' || fused !== undefined)
    .map((schedule) => ({ schedule, ms: msOf[schedule]() }))
    .sort((a, b) => a.ms - b.ms);
}
