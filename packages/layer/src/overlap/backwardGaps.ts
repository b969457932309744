import {
  chunkCosts,
  mirrorPlan,
  networkGaps,
  ofBackward,
  overlappedPlan,
  sequentialPlan,
  steadyPlan,
  type ChunkCostOptions,
  type ChunkCut,
  type NetworkGap,
  type OperatorCosts,
  type OperatorGraph,
  type PlanChoice,
} from '@scmoe/scheduler';

/**
 * The gaps of a stage's backward pass, predicted from the times of its operators in one part, or of both halves where it ran on those.
 *
 * @param cut of the backward pass
 */
export function backwardGaps(
  graph: OperatorGraph,
  costs: OperatorCosts,
  { choice, cut, ...context }: ChunkCostOptions & { choice: PlanChoice; cut: ChunkCut & { order?: readonly number[] } },
): readonly NetworkGap[] {
  if (!choice) return networkGaps(mirrorPlan(sequentialPlan(graph.operators)), costs);
  const { order, ...parts } = cut;
  const jointGate = context.jointGate ?? false;
  const plan = overlappedPlan(graph, { slot: choice.slot, ...parts, ...(order && { order }), jointGate });
  return networkGaps(
    mirrorPlan(steadyPlan(graph, plan)),
    chunkCosts(graph, costs, { ...ofBackward(context), ...parts }),
  );
}
