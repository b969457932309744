import { numPartsOf, type ChunkCut } from '../axes/chunkAxes.js';
import type { ChunkContext } from '../axes/ChunkAxis.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { chunkCosts } from './chunkCosts.js';
import type { OperatorCosts } from './OperatorCosts.js';
import { unchunkedName } from '../graph/chunkNames.js';

/**
 * What operators would take in one part, from what all parts of each took together: the reverse of `chunkCosts`.
 *
 * @param sums under the names of the graph
 */
export function wholeCosts(
  graph: OperatorGraph,
  sums: OperatorCosts,
  { chunks, expertChunks, halves, ...context }: ChunkContext & ChunkCut,
): OperatorCosts {
  if (numPartsOf({ chunks, expertChunks, halves }) === 1) return sums;
  // What the parts of operators that take no time cost is the overhead alone.
  const nothing = Object.fromEntries(graph.names.map((name) => [name, 0]));
  const extra: Record<string, number> = { ...nothing };
  for (const [part, ms] of Object.entries(chunkCosts(graph, nothing, { ...context, chunks, expertChunks, halves })))
    extra[unchunkedName(part)]! += ms;
  return Object.fromEntries(graph.names.map((name) => [name, Math.max(0, sums[name]! - extra[name]!)]));
}
