import { median } from './median.js';
import type { OperatorCosts } from './OperatorCosts.js';

/** One pass of a stage that ran whole and on two halves. */
export interface HalvedCosts {
  readonly whole: OperatorCosts;
  /** Both halves of each operator together. */
  readonly inHalves: OperatorCosts;
}

/**
 * What a stage that did not run on halves would take on them: each of its operators as many times the whole as in a stage that
 * did. What that one lacks follows the median of the others, most of which compute and send nothing.
 */
export function costsLikeHalves(whole: OperatorCosts, { whole: before, inHalves }: HalvedCosts): OperatorCosts {
  const ratios = new Map(
    Object.entries(inHalves).flatMap(([name, ms]): [string, number][] =>
      before[name]! > 0 ? [[name, ms / before[name]!]] : [],
    ),
  );
  const usual = ratios.size > 0 ? median([...ratios.values()]) : 1;
  return Object.fromEntries(Object.entries(whole).map(([name, ms]) => [name, ms * (ratios.get(name) ?? usual)]));
}
