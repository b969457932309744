import { ArgumentError, expectWholeNumber } from '@scmoe/errors';

import { chunkName } from '../graph/chunkNames.js';
import type { OperatorGraph, RoutedPath } from '../graph/OperatorGraph.js';
import { expectChunks } from './expectChunks.js';
import { run, start, wait, type Plan } from './Plan.js';

/** Where the expert comes, and in how many chunks tokens travel. */
export interface OverlapOptions {
  /** How many operators of the window run before the expert: 0 to `graph.numSlots - 1`. */
  readonly slot: number;
  /** Number of parts that the token axis is cut into. Default 1: not cut, and operators keep their names. */
  readonly chunks?: number;
}

/**
 * Routes tokens as early as the dependencies allow and decodes as late; `slot` operators of the window run while tokens
 * travel to the experts, the others while they travel back (paper, section 3.3).
 *
 * With `chunks`, all dispatches are issued first, so that chunk i + 1 travels while chunk i is with the experts, and a
 * chunk's combine is issued as soon as its expert is done.
 *
 * @throws ArgumentError where the graph routes no tokens or has no such slot
 */
export function overlappedPlan(graph: OperatorGraph, { slot, chunks = 1 }: OverlapOptions): Plan {
  const routed = routedPathOf(graph);
  expectWholeNumber('slot', slot);
  expectChunks('chunks', chunks);
  if (slot >= graph.numSlots) {
    throw new ArgumentError(`slot: expected 0 to ${graph.numSlots - 1} for this graph, got ${slot}`);
  }
  const parts = Array.from({ length: chunks }, (_, i) => (name: string) => (chunks === 1 ? name : chunkName(name, i)));
  const before = graph.ancestors(routed.encode);
  const window = graph.window.map(({ name }) => name);
  const placed = new Set([...before, ...window, routed.encode, routed.dispatch, routed.expert, routed.combine]);
  return [
    ...graph.names.filter((name) => before.has(name)).map(run),
    run(routed.encode),
    ...parts.map((part) => start(part(routed.dispatch))),
    ...window.slice(0, slot).map(run),
    ...parts.flatMap((part) => [wait(part(routed.dispatch)), run(part(routed.expert)), start(part(routed.combine))]),
    ...window.slice(slot).map(run),
    ...parts.map((part) => wait(part(routed.combine))),
    ...graph.names.filter((name) => !placed.has(name)).map(run),
  ];
}

function routedPathOf(graph: OperatorGraph): RoutedPath {
  if (!graph.routed) {
    throw new ArgumentError(`nothing to overlap: none of ${graph.names.join(', ')} is a dispatch or combine`);
  }
  return graph.routed;
}
