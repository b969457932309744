import {
  graphOf,
  halfName,
  overlappedPlan,
  unchunkedName,
  type OperatorGraph,
  type OverlapOptions,
  type Plan,
} from '@scmoe/scheduler';

import type { Operator } from './Operator.js';

/** What the scheduler needs to know of operators, those of chunks and halves taken for the ones that they are parts of. */
export function operatorGraph<Values>(operators: readonly Operator<Values>[]): OperatorGraph {
  const seen = new Set<string>();
  const whole = operators.flatMap(({ name, kind, inputs, outputs }) => {
    const unchunked = unchunkedName(name);
    if (seen.has(unchunked)) return [];
    seen.add(unchunked);
    return [{ name: unchunked, kind, inputs: names(inputs), outputs: names(outputs) }];
  });
  return graphOf(whole);
}

/**
 * A plan for operators whose tokens travel while the backbone works: they leave as early and are waited for as late as
 * they can, and the expert comes after `slot` of the backbone operators beside it (paper, section 3.3). Operators in
 * chunks, along whatever axis, get a plan in chunks, which go in `order`, and those in halves one in which the halves take turns.
 *
 * @throws ArgumentError where the operators have no such slot, or no exchange (or two: DGMoE), or the order is not theirs
 */
export function overlapped(slot: number, { order }: Pick<OverlapOptions, 'order'> = {}) {
  return <Values>(operators: readonly Operator<Values>[]): Plan => {
    const halves = operators.some(({ name }) => name.endsWith(halfName('', 1))) ? 2 : 1;
    const chunks = operators.filter(({ kind }) => kind === 'dispatch').length / halves;
    const jointGate = operators.filter(({ kind }) => kind === 'gate').length < halves;
    return overlappedPlan(operatorGraph(operators), { slot, chunks, halves, jointGate, ...(order && { order }) });
  };
}

function names(values: readonly string[]): string[] {
  return [...new Set(values.map(unchunkedName))];
}
