import { mostChunks } from '../plan/expectChunks.js';
import { defaultOverhead, evenShares, type ChunkAxis } from './ChunkAxis.js';

/**
 * Chunks of each rank's experts (EPS-MoE, arXiv 2410.12247): every product stays whole, every weight is read once and no bit
 * depends on their number. They divide the experts of a rank, and are as uneven as the load of those.
 */
export const expertAxis: ChunkAxis = {
  units: 'expert chunks',
  scope: 'routed',
  counts: ({ expertsPerRank = 1 }) =>
    Array.from({ length: Math.min(expertsPerRank, mostChunks) }, (_, i) => i + 1).filter(
      (count) => expertsPerRank % count === 0,
    ),
  shares: (count, { expertShares }) => {
    if (!expertShares) return evenShares(count);
    const inChunk = expertShares.length / count;
    return Array.from({ length: count }, (_, i) =>
      expertShares.slice(i * inChunk, (i + 1) * inChunk).reduce((sum, share) => sum + share, 0),
    );
  },
  overhead: ({ overhead = defaultOverhead, expertOverhead = overhead }) => expertOverhead,
};
