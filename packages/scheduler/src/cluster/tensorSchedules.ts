import { ArgumentError, expectPositiveInteger, expectThat } from '@scmoe/errors';

import type { OperatorKind } from '../graph/OperatorNode.js';
import { allToAllMs, type Cluster, type LinkClass } from './Cluster.js';
import type { Direction } from './Machine.js';

/**
 * How the tokens of a tensor-parallel group come to their experts (Parm, arXiv 2407.00599): all from every rank (`base`), a share
 * from each with the tokens gathered behind decode (`s1`), or a share of the packed rows from each, which are gathered before
 * decode (`s2`).
 */
export const clusterSchedules = ['base', 's1', 's2'] as const;
/** One of `clusterSchedules`. */
export type ClusterSchedule = (typeof clusterSchedules)[number];

/** Slices of a model over tensor-parallel groups. */
export interface TensorSlices {
  /** Neighbours that have the same tokens: those of `tokensPerRank` are theirs together. */
  readonly tensorParallel: number;
  /** Neighbours that hold a slice each of the same experts. Default: 1. */
  readonly expertShards?: number;
  readonly schedule: ClusterSchedule;
}

/** What travels in a layer, in bytes: all tokens of a group, all their rows, and the weights of their choices. */
export interface TravellingBytes {
  readonly tokens: number;
  readonly rows: number;
  readonly weights: number;
}

/** The schedules that slices can have: `base` needs experts in as many slices as a group has ranks. */
export function possibleSchedules({
  tensorParallel,
  expertShards = 1,
}: Pick<TensorSlices, 'tensorParallel' | 'expertShards'>): ClusterSchedule[] {
  return clusterSchedules.filter((schedule) => schedule !== 'base' || expertShards === tensorParallel);
}

/** Checks slices that come from a user. @throws ArgumentError naming the option that makes no sense */
export function checkSlices({ tensorParallel, expertShards = 1, schedule }: TensorSlices, ranks: number): void {
  expectPositiveInteger('tensorParallel', tensorParallel);
  expectPositiveInteger('expertShards', expertShards);
  expectThat(ranks % tensorParallel === 0, 'tensorParallel', `a divisor of the ${ranks} ranks`, tensorParallel);
  expectThat(ranks % expertShards === 0, 'expertShards', `a divisor of the ${ranks} ranks`, expertShards);
  if (possibleSchedules({ tensorParallel, expertShards }).includes(schedule)) return;
  throw new ArgumentError(`expertShards: expected ${tensorParallel} for schedule base, got ${expertShards}`);
}

/** Time of a sum over `ranks` neighbours that all get, as a ring: each sends twice (ranks - 1) / ranks of the bytes. */
export function allReduceMs(bytes: number, ranks: number, cluster: Cluster): number {
  return 2 * ringMs(bytes, ranks, cluster);
}

/** Time in which `ranks` neighbours gather `bytes` of all together, as a ring. */
export function allGatherMs(bytes: number, ranks: number, cluster: Cluster): number {
  return ringMs(bytes, ranks, cluster);
}

function ringMs(bytes: number, ranks: number, { ranksPerNode, intraNode, interNode }: Cluster): number {
  // A ring goes as fast as its slowest link.
  const { alphaUs, betaGBs }: LinkClass = ranks <= ranksPerNode ? intraNode : interNode;
  return (ranks - 1) * (alphaUs / 1e3 + bytes / ranks / (betaGBs * 1e6));
}

/** The operators that travel between ranks. */
export type ExchangeKind = Extract<OperatorKind, 'dispatch' | 'combine'>;

/** What exchanges take, and what the operators of a layer wait for besides. */
export interface SlicedCosts {
  readonly exchangeMs: Readonly<Record<ExchangeKind, number>>;
  /** Sums and gathers over the tensor-parallel group, by the operator that waits for them. */
  readonly waitMs: Readonly<Partial<Record<OperatorKind, number>>>;
  /** Share of the work of an operator that a rank has; 1 where it is not named. */
  readonly share: Readonly<Partial<Record<OperatorKind, number>>>;
}

/** Costs of a layer in slices on `ranks` ranks that share its experts. */
export function slicedCosts(
  { tokens, rows, weights }: TravellingBytes,
  { tensorParallel: size, expertShards: shards = 1, schedule }: TensorSlices,
  { ranks, cluster, direction }: { ranks: number; cluster: Cluster; direction: Direction },
): SlicedCosts {
  const sum = allReduceMs(tokens, size, cluster);
  const gather = (bytes: number) => allGatherMs(bytes, size, cluster);
  const isForward = direction === 'forward';
  const backbone = { attention: sum, mlp: sum, sharedExpert: sum };
  const part = 1 / size;
  const share = { attention: part, mlp: part, sharedExpert: part, expert: part };
  if (schedule === 'base') {
    // Ranks of equal place in their groups, of which a node has fewer.
    const peers = { ...cluster, ranksPerNode: Math.max(1, Math.floor(cluster.ranksPerNode / size)) };
    const exchangeMs = allToAllMs(rows, ranks / size, peers);
    const waitMs = isForward
      ? { ...backbone, decode: sum }
      : { ...backbone, encode: sum, decode: allReduceMs(weights, size, cluster) };
    return { exchangeMs: both(exchangeMs), waitMs, share };
  }
  const exchangeMs = allToAllMs((rows * shards) / size, ranks, cluster);
  if (schedule === 's1') {
    const waitMs = isForward
      ? { ...backbone, decode: gather(tokens) }
      : { ...backbone, gate: gather(tokens) + gather(weights) };
    return { exchangeMs: both(exchangeMs), waitMs, share: { ...share, encode: part, decode: part } };
  }
  // Rows are gathered behind the way back, their gradients behind that of the way out.
  const waitMs = isForward ? { ...backbone, decode: gather(rows) } : { ...backbone, encode: gather(rows) };
  return { exchangeMs: both(exchangeMs), waitMs, share };
}

function both(ms: number): Record<ExchangeKind, number> {
  return { dispatch: ms, combine: ms };
}
