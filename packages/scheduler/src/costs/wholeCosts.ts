import { partsOf, type ChunkCut } from '../axes/chunkAxes.js';
import type { ChunkContext } from '../axes/ChunkAxis.js';
import { isChunkedKind } from '../graph/chunkNames.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import type { OperatorCosts } from './OperatorCosts.js';

/**
 * What operators would take in one part, from what all parts of each took together: the reverse of `chunkCosts`.
 *
 * @param sums under the names of the graph
 */
export function wholeCosts(
  graph: OperatorGraph,
  sums: OperatorCosts,
  { chunks, expertChunks, ...context }: ChunkContext & ChunkCut,
): OperatorCosts {
  const { shares, overhead } = partsOf({ chunks, expertChunks }, context);
  return Object.fromEntries(
    graph.operators.map(({ name, kind }) => {
      const extra = isChunkedKind(kind) ? (graph.isExchange(name) ? overhead.communicationMs : overhead.computeMs) : 0;
      return [name, Math.max(0, sums[name]! - extra * shares.length)];
    }),
  );
}
