import { expectWholeNumber } from '@scmoe/errors';

import { expectChunks } from '../plan/expectChunks.js';
import { defaultOverhead, evenShares, type ChunkAxis } from './ChunkAxis.js';

/**
 * Chunks of the tokens, or of the slots of each expert where there is a capacity (Tutel, arXiv 2206.03382, section 3.3). Every
 * chunk reads all weights, and a weight's gradient is a sum over the chunks, so that its last bits depend on their number.
 */
export const tokenAxis: ChunkAxis = {
  units: 'chunks',
  scope: 'routed',
  counts: ({ maxChunks = 4, numTokens = maxChunks }) =>
    Array.from({ length: Math.min(maxChunks, Math.max(1, numTokens)) }, (_, i) => i + 1),
  shares: (count, { numTokens }) =>
    numTokens ? chunkSizes(numTokens, count).map((size) => size / numTokens) : evenShares(count),
  // Of the weights, which every chunk reads, a part with some of the experts reads theirs.
  overhead: ({ overhead = defaultOverhead }, { expertChunks = 1 }) => ({
    ...overhead,
    computeMs: overhead.computeMs / expertChunks,
  }),
};

/** Sizes of the chunks, which differ by at most one; the longer ones come first. Zero tokens make chunks of zero. */
export function chunkSizes(numTokens: number, chunks: number): readonly number[] {
  expectWholeNumber('numTokens', numTokens);
  expectChunks('chunks', chunks);
  const whole = Math.floor(numTokens / chunks);
  return Array.from({ length: chunks }, (_, i) => whole + (i < numTokens % chunks ? 1 : 0));
}
