import type { ChunkOverhead } from '../axes/ChunkAxis.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { median } from './median.js';
import type { OperatorCosts } from './OperatorCosts.js';

/** What operators would take in one part now, and what each part costs on top of its share of that. */
export interface SeparatedCosts {
  readonly costs: OperatorCosts;
  readonly overhead: Omit<ChunkOverhead, 'backward'>;
}

/**
 * Tells the work of operators from what it costs to do it in parts: from what they took in one part earlier, and what all parts of
 * each take together now. How much quicker or slower the machine computes since then is seen in what never comes in parts.
 *
 * @param whole times of the operators in one part, by the names of the graph
 * @param sums the same now, in `numParts` parts
 */
export function separateParts(
  graph: OperatorGraph,
  whole: OperatorCosts,
  sums: OperatorCosts,
  numParts: number,
): SeparatedCosts {
  const { encode, dispatch, expert, combine, decode } = graph.routed ?? {};
  const computed = [encode, expert, decode].filter((name) => name !== undefined);
  const exchanged = [dispatch, combine].filter((name) => name !== undefined);
  const others = graph.names.filter((name) => !computed.includes(name) && !exchanged.includes(name));
  const ratios = others.filter((name) => whole[name]! > 0 && sums[name]! > 0).map((name) => sums[name]! / whole[name]!);
  const drift = ratios.length > 0 ? median(ratios) : 1;
  const costs = Object.fromEntries(
    graph.names.map((name): [string, number] => {
      if (others.includes(name)) return [name, sums[name]!];
      return [name, whole[name]! * (graph.isExchange(name) ? 1 : drift)];
    }),
  );
  const totalOf = (times: OperatorCosts, names: readonly string[]) =>
    names.reduce((sum, name) => sum + times[name]!, 0);
  const computeRatio = totalOf(sums, computed) / totalOf(costs, computed);
  const beyond = (names: readonly string[]) => totalOf(sums, names) - totalOf(costs, names);
  return {
    costs,
    overhead: {
      computeMs: Math.max(0, beyond(computed) / numParts),
      communicationMs: Math.max(0, beyond(exchanged) / (2 * numParts)),
      ...(computeRatio > 0 && computeRatio < 1 && { computeRatio }),
    },
  };
}
