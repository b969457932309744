/** What each part costs on top of its share of the work: a kernel launch, weights read again, a message's latency. */
export interface ChunkOverhead {
  readonly computeMs: number;
  readonly communicationMs: number;
}

/** What the parts of a stage depend on. */
export interface ChunkContext {
  /** The largest number of chunks of the tokens to consider. Default 4; 1 forbids them. */
  readonly maxChunks?: number;
  /** Numbers of parts that are set, by the names of their axes: no others are tried. */
  readonly fixed?: { readonly chunks?: number | undefined; readonly expertChunks?: number | undefined } | undefined;
  /** Tokens of the batch on this rank: chunks are whole tokens, and never more than there are tokens. */
  readonly numTokens?: number | undefined;
  /** What each chunk of the tokens costs on top of its share. Default 0.05 ms for each computation and exchange. */
  readonly overhead?: ChunkOverhead;
  /** Experts that each rank holds: they can be cut into as many chunks as divide them. Default 1, which can't be cut. */
  readonly expertsPerRank?: number | undefined;
  /** What each chunk of the experts costs on top of its share; by default what one of the tokens does. */
  readonly expertOverhead?: ChunkOverhead | undefined;
  /** Share of the rows that each expert of a rank gets, on the fullest rank. Even by default. */
  readonly expertShares?: readonly number[] | undefined;
}

/**
 * An axis along which the rows of a stage can be cut, so that parts of them travel while others are computed. All that a
 * planner knows of an axis is in its file and its entry in `chunkAxes`.
 */
export interface ChunkAxis {
  /** What a number of its parts is called: `3 chunks`. */
  readonly unit: string;
  /** The numbers of parts that may be tried, 1 first. */
  counts(context: ChunkContext): readonly number[];
  /** The share of the work that each of `count` parts has; together 1. */
  shares(count: number, context: ChunkContext): readonly number[];
  /** What a part costs on top of that. */
  overhead(context: ChunkContext): ChunkOverhead;
}

/** What a chunk costs by default on top of its share. */
export const defaultOverhead: ChunkOverhead = { computeMs: 0.05, communicationMs: 0.05 };

/** Shares of 1 / count. */
export function evenShares(count: number): readonly number[] {
  return Array.from({ length: count }, () => 1 / count);
}
