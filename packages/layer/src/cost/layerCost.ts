import type { Operator } from '../plan/Operator.js';
import { costContext } from './CostContext.js';
import type { CostOptions } from './CostOptions.js';
import { sumOfCosts, type LayerCost } from './OperatorCost.js';

/**
 * What operators for tokens of width `d` cost on one rank: without a cache, and with the tokens evenly spread over the
 * experts, those of zero computation included, which is what training aims at. A number stands for so many tokens in one
 * sequence on one rank.
 *
 * @throws ArgumentError where the tokens are no whole sequences, or there are fewer experts than ranks
 */
export function layerCost<Values>(
  operators: readonly Operator<Values>[],
  d: number,
  options: number | CostOptions,
): LayerCost {
  const of = costContext(d, options);
  const costs = Object.fromEntries(operators.map(({ name, cost }) => [name, sumOfCosts(cost?.(of) ?? [])]));
  return { operators: costs, total: sumOfCosts(Object.values(costs)) };
}
