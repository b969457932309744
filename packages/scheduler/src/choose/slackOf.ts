import type { OperatorCosts } from '../costs/OperatorCosts.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { beforeJoin } from '../predict/steadyPlan.js';
import { splits, windowCosts } from '../predict/windowCosts.js';

/** How much the tighter of the two exchanges could last longer before it shows; negative where it shows already. */
export function slackOf(graph: OperatorGraph, costs: OperatorCosts, slot: number): number {
  const { windowMs, dispatchMs, combineMs } = windowCosts(graph, costs);
  const { before, after } = splits(windowMs)[slot]!;
  const ofNext = beforeJoin(graph).reduce((sum, name) => sum + costs[name]!, 0);
  return Math.min(before - dispatchMs, after + ofNext - combineMs);
}
