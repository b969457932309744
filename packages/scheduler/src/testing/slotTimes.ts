import { sumCosts, type OperatorCosts } from '../costs/OperatorCosts.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { splits, windowCosts } from '../predict/windowCosts.js';

/**
 * Time of the overlapped plan for each slot, in closed form: everything that is neither window nor exchange, plus
 * max(window before K, dispatch) + max(window after K, combine). One chunk, one rank, no interference; `simulatePlan`
 * gives the same and more.
 */
export function slotTimes(graph: OperatorGraph, costs: OperatorCosts): readonly number[] {
  const { windowMs, dispatchMs, combineMs } = windowCosts(graph, costs);
  const total = windowMs.reduce((sum, ms) => sum + ms, 0);
  const rest = sumCosts(graph, costs).computeMs - total;
  return splits(windowMs).map(({ before, after }) => rest + Math.max(before, dispatchMs) + Math.max(after, combineMs));
}
