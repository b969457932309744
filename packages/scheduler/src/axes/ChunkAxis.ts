/** What each part costs on top of its share of the work: a kernel launch, weights read again, a message's latency. */
export interface ChunkOverhead {
  readonly computeMs: number;
  readonly communicationMs: number;
  /**
   * What the work itself takes in parts, as a share of what it takes in one: below 1 where the whole is slow for its size, as what
   * leaves the caches is. Default 1.
   */
  readonly computeRatio?: number;
  /**
   * The same of a backward pass, whose parts each make gradients of whole weights, which are added up or put together. By default as
   * forward.
   */
  readonly backward?: Omit<ChunkOverhead, 'backward'>;
}

/** What the parts of a stage depend on. */
export interface ChunkContext {
  /** The largest number of chunks of the tokens to consider. Default 4; 1 forbids them. */
  readonly maxChunks?: number;
  /** Numbers of parts that are set, by the names of their axes: no others are tried. */
  readonly fixed?:
    | {
        readonly chunks?: number | undefined;
        readonly expertChunks?: number | undefined;
        readonly halves?: number | undefined;
      }
    | undefined;
  /**
   * Whether a backward pass may have other parts of tokens and experts than the forward pass: by default not; else but for the
   * numbers that are set.
   */
  readonly ownBackward?:
    { readonly chunks?: number | undefined; readonly expertChunks?: number | undefined } | undefined;
  /** Tokens of the batch on this rank: chunks are whole tokens, and never more than there are tokens. */
  readonly numTokens?: number | undefined;
  /** What each chunk of the tokens costs on top of its share. Default 0.05 ms for each computation and exchange. */
  readonly overhead?: ChunkOverhead;
  /** Experts that each rank holds: they can be cut into as many chunks as divide them. Default 1, which can't be cut. */
  readonly expertsPerRank?: number | undefined;
  /** What each chunk of the experts costs on top of its share; by default what one of the tokens does. */
  readonly expertOverhead?: ChunkOverhead | undefined;
  /**
   * What a chunk of a half costs on top of its share of what halves were measured to take, which have read every weight twice. By default
   * as much as one of the whole.
   */
  readonly overheadInHalves?: ChunkOverhead | undefined;
  /** The same of a chunk of the experts; by default what one of the tokens costs there. */
  readonly expertOverheadInHalves?: ChunkOverhead | undefined;
  /** Share of the rows that each expert of a rank gets: of each place in a rank, on the rank that gets most there. Even by default. */
  readonly expertShares?: readonly number[] | undefined;
  /** Whether a stage may run on two halves of the batch, or of every sequence: 2, or 1, the default, which forbids it. */
  readonly maxHalves?: number | undefined;
  /** Whether the gate has to see both halves at once, as it does to count a capacity over them. Default false. */
  readonly jointGate?: boolean | undefined;
}

/**
 * An axis along which the rows of a stage can be cut, so that parts of them travel while others are computed. All that a
 * planner knows of an axis is in its file and its entry in `chunkAxes`.
 */
export interface ChunkAxis {
  /** What its parts are called: `chunks`. */
  readonly units: string;
  /** What is cut: what travels and the experts' work on it, or every operator of the stage. */
  readonly scope: 'routed' | 'stage';
  /** The numbers of parts that may be tried, 1 first. */
  counts(context: ChunkContext): readonly number[];
  /** The share of the work that each of `count` parts has; together 1. */
  shares(count: number, context: ChunkContext): readonly number[];
  /** What a part costs on top of that, where the rows are cut along other axes as well. */
  overhead(context: ChunkContext, cut: { readonly expertChunks?: number }): ChunkOverhead;
}

/** What a chunk costs by default on top of its share. */
export const defaultOverhead: ChunkOverhead = { computeMs: 0.05, communicationMs: 0.05 };

/** Shares of 1 / count. */
export function evenShares(count: number): readonly number[] {
  return Array.from({ length: count }, () => 1 / count);
}
