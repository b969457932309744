import type { KernelCost } from '@scmoe/scheduler';

/** What one operator costs on one rank, in one pass over its tokens. */
export interface OperatorCost extends KernelCost {
  /** What leaves this rank for others, forward; the rows (not their counts) travel once more for the gradient. */
  allToAllBytes: number;
}

/** Costs of a layer by the names of its operators, in the order of the sequential plan, and their sum. */
export interface LayerCost {
  operators: Record<string, OperatorCost>;
  total: OperatorCost;
}

const noCost: OperatorCost = {
  forwardFlops: 0,
  backwardFlops: 0,
  forwardBytes: 0,
  backwardBytes: 0,
  allToAllBytes: 0,
};

/** Sum of what kernels cost; what a cost does not name is 0. */
export function sumOfCosts(costs: readonly Partial<OperatorCost>[]): OperatorCost {
  const sum = { ...noCost };
  for (const cost of costs) {
    for (const name of Object.keys(sum) as (keyof OperatorCost)[]) sum[name] += cost[name] ?? 0;
  }
  return sum;
}
