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
  return withoutOverhead(graph, sums, { ...cut, inHalves: sums });
}

/** What the parts of operators that take no time cost is the overhead alone, of 1 ms that and what the work takes in parts. */
function withoutOverhead(graph: OperatorGraph, sums: OperatorCosts, options: ChunkCostOptions): OperatorCosts {
  const partsOf = (ms: number) => {
    const work = Object.fromEntries(graph.names.map((name) => [name, ms]));
    const total = Object.fromEntries(graph.names.map((name) => [name, 0]));
    const parts = chunkCosts(graph, work, { ...options, ...(options.inHalves && { inHalves: work }) });
    for (const [part, costs] of Object.entries(parts)) total[unchunkedName(part)]! += costs;
    return total;
  };
  const [extra, unit] = [partsOf(0), partsOf(1)];
  return Object.fromEntries(
    graph.names.map((name) => [name, Math.max(0, sums[name]! - extra[name]!) / (unit[name]! - extra[name]!)]),
  );
}
