import { ArgumentError, expectPositiveInteger, expectThat } from '@scmoe/errors';

import type { OperatorKind } from '../graph/OperatorNode.js';
import { allToAllMs, type Cluster, type LinkClass } from './Cluster.js';
import type { Direction } from './Machine.js';

/**
 * How the tokens of a tensor-parallel group come to their experts (Parm, arXiv 2407.00599): all from every rank (`base`), a share
 * from each with the tokens gathered behind decode (`s1`), or a share of the packed rows from each, which are gathered before
 * decode (`s2`), piece by piece while others are on their way (`s2-fused`).
 */
export const clusterSchedules = ['base', 's1', 's2', 's2-fused'] as const;
/** One of `clusterSchedules`. */
export type ClusterSchedule = (typeof clusterSchedules)[number];

/** Whether ranks deal out packed rows, by their numbers in a part: a backward pass can then have no parts of its own. */
export function dealsRows(schedule: ClusterSchedule): boolean {
  return schedule === 's2' || schedule === 's2-fused';
}

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

/**
 * The schedules that slices can have: `base` needs experts in as many slices as a group has ranks, `s2-fused` several pieces.
 *
 * @param slices with the ranks that share the experts, where they are known
 */
export function possibleSchedules({
  tensorParallel,
  expertShards = 1,
  ranks = Infinity,
}: Pick<TensorSlices, 'tensorParallel' | 'expertShards'> & { readonly ranks?: number }): ClusterSchedule[] {
  const numPieces = ranks / leastCommonMultiple(tensorParallel, expertShards);
  const canHave: Record<ClusterSchedule, boolean> = {
    base: expertShards === tensorParallel,
    s1: true,
    s2: true,
    's2-fused': tensorParallel > 1 && numPieces > 1,
  };
  return clusterSchedules.filter((schedule) => canHave[schedule]);
}

/** Checks slices that come from a user. @throws ArgumentError naming the option that makes no sense */
export function checkSlices({ tensorParallel, expertShards = 1, schedule }: TensorSlices, ranks: number): void {
  expectPositiveInteger('tensorParallel', tensorParallel);
  expectPositiveInteger('expertShards', expertShards);
  expectThat(ranks % tensorParallel === 0, 'tensorParallel', `a divisor of the ${ranks} ranks`, tensorParallel);
  expectThat(ranks % expertShards === 0, 'expertShards', `a divisor of the ${ranks} ranks`, expertShards);
  if (schedule !== 'base' || expertShards === tensorParallel) return;
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
  const gathered = (ms: number) => (isForward ? { ...backbone, decode: ms } : { ...backbone, encode: ms });
  if (schedule === 's2') return { exchangeMs: both(exchangeMs), waitMs: gathered(gather(rows)), share };
  const { totalMs, gatherMs } = fusedGatherMs(
    { sent: (rows * shards) / size, gathered: rows },
    { ranks, size, shards, cluster },
  );
  // A piece is gathered when somebody waits for it: what is hidden of the way back shortens it by no more than all but the gathers.
  const back = { [isForward ? 'combine' : 'dispatch']: Math.max(0, totalMs - gatherMs) };
  return { exchangeMs: { ...both(exchangeMs), ...back }, waitMs: gathered(gatherMs), share };
}

/**
 * Time in which rows come back in pieces, each from a unit of as many ranks as hold whole runs of experts and are whole
 * tensor-parallel groups, and are gathered over the group piece by piece. Links within nodes and between them work at the same
 * time, those of one class do one thing after the other.
 *
 * @returns all of it where nothing else is computed meanwhile, and the gathers alone
 */
export function fusedGatherMs(
  { sent, gathered }: { sent: number; gathered: number },
  { ranks, size, shards, cluster }: { ranks: number; size: number; shards: number; cluster: Cluster },
): { totalMs: number; gatherMs: number } {
  const { ranksPerNode, intraNode, interNode } = cluster;
  const unit = leastCommonMultiple(size, shards);
  const [numPieces, message] = [ranks / unit, sent / ranks];
  const isNear = (span: number) => span <= ranksPerNode;
  const gather = allGatherMs(gathered / numPieces, size, cluster);
  // When a lane, and the links of a class, are free.
  let [exchanges, gathers] = [0, 0];
  const free = { near: 0, far: 0 };
  for (let piece = 0; piece < numPieces; piece++) {
    // The nearest first: those of a node, and then what comes from others.
    const link = isNear((piece + 1) * unit) ? 'near' : 'far';
    const { alphaUs, betaGBs } = link === 'near' ? intraNode : interNode;
    const count = piece === 0 ? unit - 1 : unit;
    exchanges = Math.max(exchanges, free[link]) + count * (alphaUs / 1e3 + message / (betaGBs * 1e6));
    free[link] = exchanges;
    const own = isNear(size) ? 'near' : 'far';
    gathers = Math.max(exchanges, gathers, free[own]) + gather;
    free[own] = gathers;
  }
  return { totalMs: gathers, gatherMs: numPieces * gather };
}

function leastCommonMultiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  return (a * b) / divisor(a, b);
}

function both(ms: number): Record<ExchangeKind, number> {
  return { dispatch: ms, combine: ms };
}
