import { ArgumentError, expectNonNegative, expectRecord } from '@scmoe/errors';

import type { OperatorGraph } from '../graph/OperatorGraph.js';

/** Time of each operator by name, in milliseconds; for a backward pass that of its gradient, under the same name. */
export type OperatorCosts = Readonly<Record<string, number>>;

/**
 * Checks that there is one usable cost for each operator of the graph and none for anything else.
 *
 * @throws ArgumentError naming the operators that are missing, unknown, negative or not finite
 */
export function checkCosts(graph: OperatorGraph, costs: OperatorCosts): void {
  expectRecord('costs', costs);
  const unknown = Object.keys(costs).filter((name) => !graph.has(name));
  if (unknown.length > 0) {
    throw new ArgumentError(`costs for unknown operators: ${unknown.join(', ')}; there are ${graph.names.join(', ')}`);
  }
  const missing = graph.names.filter((name) => costs[name] === undefined);
  if (missing.length > 0) {
    throw new ArgumentError(`no cost for ${missing.join(', ')}; write 0 where an operator takes no time`);
  }
  for (const name of graph.names) expectNonNegative(`cost of '${name}' in ms`, costs[name]!);
}

/** Sum of the computations and sum of the exchanges, in ms. */
export function sumCosts(
  graph: OperatorGraph,
  costs: OperatorCosts,
): { readonly computeMs: number; readonly communicationMs: number } {
  let computeMs = 0;
  let communicationMs = 0;
  for (const name of graph.names) {
    if (graph.isExchange(name)) communicationMs += costs[name]!;
    else computeMs += costs[name]!;
  }
  return { computeMs, communicationMs };
}
