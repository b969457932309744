/**
 * What the experts of one layer did with a text. N experts with a feed-forward network, M with those that compute nothing,
 * whose numbers follow. Sums are over the choices that an expert has kept, not those that a full one has dropped.
 */
export interface ExpertStatistics {
  /** `block0` */
  layer: string;
  numExperts: number;
  tokens: number;
  topK: number;
  /** (M) choices, before any was dropped. */
  load: number[];
  /** (N) choices that found a place. */
  kept: number[];
  /** (N) sum of the weights. */
  weights: number[];
  /** (N) sum of the norms of the outputs. */
  norms: number[];
  /** (N) sum of weight times norm of the output. */
  weightedNorms: number[];
  /** (M, M) tokens that chose both; the load on the diagonal. */
  coChoices: number[][];
  /** Mean entropy of a token's scores, normalised to sum 1, as a share of that of even scores. */
  scoreEntropy: number;
  /** (M) how often each token id went to an expert. */
  tokenCounts: Map<number, number>[];
}

/** Means of an expert over the choices that it has kept: 0 for one that nobody chose. */
export function meanOf(sums: readonly number[], counts: readonly number[]): number[] {
  return sums.map((sum, e) => (counts[e]! > 0 ? sum / counts[e]! : 0));
}
