import { ArgumentError } from '@scmoe/errors';

import type { OperatorCosts } from './OperatorCosts.js';

/** Each operator's cost on the rank where it takes longest. Ranks must have costs for the same operators. */
export function slowestOf(ranks: readonly OperatorCosts[]): OperatorCosts {
  const [first, ...others] = ranks;
  if (!first) throw new ArgumentError('costs: expected those of at least one rank, got none');
  const slowest: Record<string, number> = { ...first };
  others.forEach((costs, i) => {
    for (const name of new Set([...Object.keys(first), ...Object.keys(costs)])) {
      if (costs[name] === undefined || slowest[name] === undefined) {
        throw new ArgumentError(`'${name}' has a cost on some ranks only; compare rank 0 and rank ${i + 1}`);
      }
      slowest[name] = Math.max(slowest[name], costs[name]);
    }
  });
  return slowest;
}
