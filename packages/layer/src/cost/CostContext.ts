import { tokenCosts, type TokenCosts } from '@scmoe/scheduler';

import { resolveCostOptions, type CostOptions, type ResolvedCostOptions } from './CostOptions.js';

/** What the cost of an operator is made of: how much work there is, and what kernels cost. */
export interface CostContext extends ResolvedCostOptions, TokenCosts {
  readonly tokens: number;
  readonly sequenceLength: number;
}

/** Makes what operators say their costs by. @throws ArgumentError where the tokens are no whole sequences. */
export function costContext(d: number, options: number | CostOptions): CostContext {
  const resolved = resolveCostOptions(options);
  return { ...resolved, ...tokenCosts(d, resolved) };
}
