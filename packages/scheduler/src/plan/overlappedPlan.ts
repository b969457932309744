import { ArgumentError, expectWholeNumber } from '@scmoe/errors';

import { numPartsOf, type ChunkCut } from '../axes/chunkAxes.js';
import { chunkName, halfName } from '../graph/chunkNames.js';
import type { OperatorGraph, RoutedPath } from '../graph/OperatorGraph.js';
import { expectChunks } from './expectChunks.js';
import { expectHalves } from './expectHalves.js';
import { run, start, wait, type Plan, type Step } from './Plan.js';

/**
 * Where the expert comes, and in how many parts along each axis the rows travel: by default in one, and operators keep their
 * names.
 */
export interface OverlapOptions extends Partial<ChunkCut> {
  /** How many operators of the window run before the expert: 0 to `graph.numSlots - 1`. */
  readonly slot: number;
  /** The order in which the parts go, a permutation of their numbers; by default as they are numbered. */
  readonly order?: readonly number[];
  /** Whether one gate sees both halves. Default false: each half has its own. */
  readonly jointGate?: boolean;
}

/**
 * Routes tokens as early as the dependencies allow and decodes as late; `slot` operators of the window run while tokens
 * travel to the experts, the others while they travel back (paper, section 3.3).
 *
 * With several parts, all dispatches are issued first, so that the next one travels while one is with the experts, and a
 * part's combine is issued as soon as its expert is done.
 *
 * In two halves each does the same, and they take turns: where one has to wait, the other computes. Half 0 is never behind
 * half 1, whose attention may read what half 0 has left.
 *
 * @throws ArgumentError where the graph routes no tokens or has no such slot, or the order is none of the parts
 */
export function overlappedPlan(
  graph: OperatorGraph,
  { slot, chunks = 1, expertChunks = 1, halves = 1, order, jointGate = false }: OverlapOptions,
): Plan {
  const routed = routedPathOf(graph);
  expectWholeNumber('slot', slot);
  expectChunks('chunks', chunks);
  expectChunks('expertChunks', expertChunks);
  expectHalves('halves', halves);
  const numParts = numPartsOf({ chunks, expertChunks });
  const numbers = order ?? Array.from({ length: numParts }, (_, part) => part);
  if (numbers.length !== numParts || new Set(numbers).size !== numParts || numbers.some((part) => !(part in numbers)))
    throw new ArgumentError(`order: expected each of 0 to ${numParts - 1} once, got ${numbers.join(', ')}`);
  if (slot >= graph.numSlots) {
    throw new ArgumentError(`slot: expected 0 to ${graph.numSlots - 1} for this graph, got ${slot}`);
  }
  const parts = numbers.map((part) => (name: string) => (numParts === 1 ? name : chunkName(name, part)));
  const phases = phasesOf(graph, routed, { slot, parts });
  return halves === 1 ? phases.flat() : inTurn(phases, jointGate ? routed.gate : undefined);
}

/** The plan in phases, which begin with what may have to wait: for nothing but its input, for dispatches, for combines. */
function phasesOf(
  graph: OperatorGraph,
  routed: RoutedPath,
  { slot, parts }: { slot: number; parts: readonly ((name: string) => string)[] },
): readonly Plan[] {
  const before = graph.ancestors(routed.encode);
  const beforeGate = graph.ancestors(routed.gate);
  const window = graph.window.map(({ name }) => name);
  const placed = new Set([...before, ...window, routed.encode, routed.dispatch, routed.expert, routed.combine]);
  const leading = graph.names.filter((name) => before.has(name));
  return [
    leading.filter((name) => beforeGate.has(name)).map(run),
    [
      ...leading.filter((name) => !beforeGate.has(name)).map(run),
      run(routed.encode),
      ...parts.map((part) => start(part(routed.dispatch))),
      ...window.slice(0, slot).map(run),
    ],
    [
      ...parts.flatMap((part) => [wait(part(routed.dispatch)), run(part(routed.expert)), start(part(routed.combine))]),
      ...window.slice(slot).map(run),
    ],
    [...parts.map((part) => wait(part(routed.combine))), ...graph.names.filter((name) => !placed.has(name)).map(run)],
  ];
}

/** The same phases for two halves that take turns; a gate that sees both runs once, when both are that far. */
function inTurn([untilGate, ...phases]: readonly Plan[], jointGate: string | undefined): Plan {
  const ofHalf = (plan: Plan, half: number) =>
    plan.map((step): Step => ({ ...step, operator: halfName(step.operator, half) }));
  const both = (plan: Plan) => [...ofHalf(plan, 0), ...ofHalf(plan, 1)];
  if (jointGate === undefined) {
    const [second, ...others] = phases;
    // A half's tokens leave before the other begins.
    return [...both([...untilGate!, ...second!]), ...others.flatMap(both)];
  }
  const withoutGate = (plan: Plan) => plan.filter(({ operator }) => operator !== jointGate);
  return [...both(untilGate!), run(jointGate), ...phases.flatMap((plan) => both(withoutGate(plan)))];
}

function routedPathOf(graph: OperatorGraph): RoutedPath {
  if (!graph.routed) {
    throw new ArgumentError(`nothing to overlap: none of ${graph.names.join(', ')} is a dispatch or combine`);
  }
  return graph.routed;
}
