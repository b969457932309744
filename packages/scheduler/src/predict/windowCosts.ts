import { ArgumentError } from '@scmoe/errors';

import { checkCosts, type OperatorCosts } from '../costs/OperatorCosts.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';

/** What the choice of a slot turns on: the window's operators in order, and both exchanges. */
export interface WindowCosts {
  readonly windowMs: readonly number[];
  readonly dispatchMs: number;
  readonly combineMs: number;
}

/** Times of a stage as the formula of the slots needs them. */
export function windowCosts(graph: OperatorGraph, costs: OperatorCosts): WindowCosts {
  checkCosts(graph, costs);
  if (!graph.routed) throw new ArgumentError('no slots: this graph routes no tokens');
  return {
    windowMs: graph.window.map(({ name }) => costs[name]!),
    dispatchMs: costs[graph.routed.dispatch]!,
    combineMs: costs[graph.routed.combine]!,
  };
}

/** Sums of the window before and after each slot. */
export function splits(windowMs: readonly number[]): readonly { readonly before: number; readonly after: number }[] {
  const sum = (list: readonly number[]) => list.reduce((total, ms) => total + ms, 0);
  return Array.from({ length: windowMs.length + 1 }, (_, slot) => ({
    before: sum(windowMs.slice(0, slot)),
    after: sum(windowMs.slice(slot)),
  }));
}
