import { numPartsOf, type ChunkCut } from '../axes/chunkAxes.js';
import type { ChunkContext } from '../axes/ChunkAxis.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { chunkCosts, type ChunkCostOptions } from './chunkCosts.js';
import type { OperatorCosts } from './OperatorCosts.js';
import { unchunkedName } from '../graph/chunkNames.js';

/**
 * What operators would take in one part, from what all parts of each took together: the reverse of `chunkCosts`.
 *
 * @param sums under the names of the graph
 */
export function wholeCosts(graph: OperatorGraph, sums: OperatorCosts, cut: ChunkContext & ChunkCut): OperatorCosts {
  return numPartsOf(cut) === 1 ? sums : withoutOverhead(graph, sums, cut);
}

/** What both halves of each operator would take together if the halves were not cut further, from what all parts took. */
export function halvedCosts(graph: OperatorGraph, sums: OperatorCosts, cut: ChunkContext & ChunkCut): OperatorCosts {
  return withoutOverhead(graph, sums, { ...cut, inHalves: nothing(graph) });
}

/** What the parts of operators that take no time cost is the overhead alone. */
function withoutOverhead(graph: OperatorGraph, sums: OperatorCosts, options: ChunkCostOptions): OperatorCosts {
  const extra: Record<string, number> = { ...nothing(graph) };
  for (const [part, ms] of Object.entries(chunkCosts(graph, extra, options))) extra[unchunkedName(part)]! += ms;
  return Object.fromEntries(graph.names.map((name) => [name, Math.max(0, sums[name]! - extra[name]!)]));
}

function nothing(graph: OperatorGraph): OperatorCosts {
  return Object.fromEntries(graph.names.map((name) => [name, 0]));
}
