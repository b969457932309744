import { defaultOverhead, evenShares, type ChunkAxis } from './ChunkAxis.js';

/**
 * Two halves of the batch, or of every sequence in its causal order (ISO, arXiv 2409.11155): every operator of the stage runs
 * once for each, and what one half sends travels while the other computes. Equal halves: unequal ones gain 2 % at most. A weight's
 * gradient is a sum over the halves, so that its last bits depend on whether there are any.
 */
export const halfAxis: ChunkAxis = {
  units: 'halves',
  scope: 'stage',
  counts: ({ maxHalves = 1, numTokens = 2 }) => (maxHalves > 1 && numTokens > 1 ? [1, 2] : [1]),
  shares: (count) => evenShares(count),
  overhead: ({ overhead = defaultOverhead }) => overhead,
};
