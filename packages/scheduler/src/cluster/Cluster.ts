import {
  ArgumentError,
  expectBetween,
  expectNonNegative,
  expectPositive,
  expectPositiveInteger,
  expectRecord,
} from '@scmoe/errors';

/** A class of links in the alpha-beta model: a message of n bytes takes alpha + n / beta. */
export interface LinkClass {
  /** Latency of a message. */
  readonly alphaUs: number;
  /** What a rank can send over links of this class, all its messages together. */
  readonly betaGBs: number;
}

/**
 * How an all-to-all goes. `direct`: a message to every rank. `hierarchical`: within nodes first, then between ranks of
 * equal place on each node.
 */
export type AllToAllAlgorithm = 'direct' | 'hierarchical' | 'best';

/** Ranks, how they are linked and how fast they compute. */
export interface Cluster {
  readonly ranksPerNode: number;
  readonly intraNode: LinkClass;
  readonly interNode: LinkClass;
  /** Rate of products that a rank reaches, not its peak. */
  readonly teraflops: number;
  /** What a rank reads and writes of its memory in a second. */
  readonly memoryGBs: number;
  /** What an operator takes however little it does. Default 0.02 ms. */
  readonly operatorMs?: number;
  /** Default best: whichever is faster. */
  readonly allToAll?: AllToAllAlgorithm;
  /** Load of the busiest rank relative to the mean. Default 1: even. */
  readonly imbalance?: number;
  /** How much slower computing is beside an exchange, as for `simulatePlan`. Default 0. */
  readonly interference?: number;
}

/** Checks a description that may come from a file. @throws ArgumentError naming the field that makes no sense */
export function checkCluster(cluster: Cluster): void {
  expectRecord('cluster', cluster);
  expectPositiveInteger('ranksPerNode', cluster.ranksPerNode);
  for (const link of ['intraNode', 'interNode'] as const) {
    expectRecord(link, cluster[link]);
    expectNonNegative(`${link}.alphaUs`, cluster[link].alphaUs);
    expectPositive(`${link}.betaGBs`, cluster[link].betaGBs);
  }
  expectPositive('teraflops', cluster.teraflops);
  expectPositive('memoryGBs', cluster.memoryGBs);
  expectNonNegative('operatorMs', cluster.operatorMs ?? 0);
  expectNonNegative('interference', cluster.interference ?? 0);
  expectBetween('imbalance', cluster.imbalance ?? 1, 1, 1e6);
  if (!['direct', 'hierarchical', 'best'].includes(cluster.allToAll ?? 'best')) {
    throw new ArgumentError(`allToAll: expected direct, hierarchical or best, got '${cluster.allToAll}'`);
  }
}

/**
 * Time of an all-to-all in which each rank sends `bytesPerRank` in equal parts to all ranks, itself among them. Links within
 * and between nodes work at the same time; a rank that is alone sends nothing. The last node may be partly filled: the
 * time is that of a rank on a full one.
 */
export function allToAllMs(bytesPerRank: number, ranks: number, cluster: Cluster): number {
  expectNonNegative('bytesPerRank', bytesPerRank);
  expectPositiveInteger('ranks', ranks);
  if (cluster.allToAll === 'direct') return directMs(bytesPerRank, ranks, cluster);
  if (cluster.allToAll === 'hierarchical') return hierarchicalMs(bytesPerRank, ranks, cluster);
  return Math.min(directMs(bytesPerRank, ranks, cluster), hierarchicalMs(bytesPerRank, ranks, cluster));
}

function directMs(bytesPerRank: number, ranks: number, { ranksPerNode, intraNode, interNode }: Cluster): number {
  const near = Math.min(ranks, ranksPerNode);
  const part = bytesPerRank / ranks;
  return Math.max(messagesMs(near - 1, part, intraNode), messagesMs(ranks - near, part, interNode));
}

function hierarchicalMs(bytesPerRank: number, ranks: number, cluster: Cluster): number {
  const near = Math.min(ranks, cluster.ranksPerNode);
  const nodes = Math.ceil(ranks / near);
  if (nodes === 1) return directMs(bytesPerRank, ranks, cluster);
  return (
    messagesMs(near - 1, bytesPerRank / near, cluster.intraNode) +
    messagesMs(nodes - 1, bytesPerRank / nodes, cluster.interNode)
  );
}

function messagesMs(count: number, bytes: number, { alphaUs, betaGBs }: LinkClass): number {
  return count * (alphaUs / 1e3 + bytes / (betaGBs * 1e6));
}
