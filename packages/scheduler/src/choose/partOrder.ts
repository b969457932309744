import { chunkName } from '../graph/chunkNames.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import type { OperatorCosts } from '../costs/OperatorCosts.js';
import { johnsonOrder } from '../plan/johnsonOrder.js';

/** Number of parts up to which all orders are simulated: there are 24 of four. */
const mostTried = 4;

/** A plan keeps its order unless another one makes a step shorter by this share: less is noise in the shares. */
const leastGain = 0.002;

/**
 * The orders of unequal parts that are worth a simulation, as they are numbered first: all of them where there are few, else
 * Johnson's.
 *
 * @param parts costs by the names of parts
 */
export function ordersOf({ routed }: OperatorGraph, parts: OperatorCosts): readonly (readonly number[])[] {
  const { dispatch, expert, combine } = routed!;
  const costs: { dispatchMs: number; expertMs: number; combineMs: number }[] = [];
  for (let i = 0; parts[chunkName(expert, i)] !== undefined; i++) {
    const of = (name: string) => parts[chunkName(name, i)]!;
    costs.push({ dispatchMs: of(dispatch), expertMs: of(expert), combineMs: of(combine) });
  }
  const numbers = costs.map((_, i) => i);
  return numbers.length <= mostTried ? permutations(numbers) : [numbers, johnsonOrder(costs)];
}

/**
 * The order with the shortest time, or the one that there is where that is nearly as short.
 *
 * @param orders the first is as parts are numbered
 * @param present the order in use, if there is one
 * @returns undefined for parts as they are numbered
 */
export function bestOrder(
  orders: readonly (readonly number[])[],
  present: readonly number[] | undefined,
  msOf: (order: readonly number[]) => number,
): readonly number[] | undefined {
  const [numbered] = orders;
  const kept = present?.length === numbered!.length ? present : numbered!;
  const times = orders.map(msOf);
  const least = Math.min(...times);
  const chosen = msOf(kept) <= least * (1 + leastGain) ? kept : orders[times.indexOf(least)]!;
  return chosen.every((part, i) => part === i) ? undefined : chosen;
}

function permutations(of: readonly number[]): readonly (readonly number[])[] {
  if (of.length < 2) return [of];
  return of.flatMap((first) => permutations(of.filter((other) => other !== first)).map((rest) => [first, ...rest]));
}
