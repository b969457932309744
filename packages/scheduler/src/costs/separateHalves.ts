import { numPartsOf, type ChunkCut } from '../axes/chunkAxes.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { sumCosts, type OperatorCosts } from './OperatorCosts.js';
import type { SeparatedCosts } from './separateParts.js';

/**
 * Tells the work of operators from what it costs to do it in halves. Every operator comes in halves, so that nothing says how
 * much slower the machine has become since the times in one part: what is more than those counts as the cost of halves.
 *
 * @param whole times of the operators in one part, by the names of the graph
 * @param sums the same now, of all parts of both halves together
 */
export function separateHalves(
  graph: OperatorGraph,
  whole: OperatorCosts,
  sums: OperatorCosts,
  cut: Partial<ChunkCut>,
): SeparatedCosts {
  const [before, now] = [sumCosts(graph, whole), sumCosts(graph, sums)];
  const numComputations = graph.names.filter((name) => !graph.isExchange(name)).length;
  const numMessages = numPartsOf(cut) * (graph.names.length - numComputations);
  return {
    costs: whole,
    overhead: {
      computeMs: Math.max(0, now.computeMs - before.computeMs) / (2 * numComputations),
      communicationMs: Math.max(0, now.communicationMs - before.communicationMs) / Math.max(1, numMessages),
    },
  };
}
