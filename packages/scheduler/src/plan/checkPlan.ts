import { ArgumentError } from '@scmoe/errors';

import { isExchangeKind, type OperatorNode } from '../graph/OperatorNode.js';
import type { Plan, Step } from './Plan.js';

/**
 * Checks that a plan runs every operator once, after all that it depends on, and waits for every exchange that it starts.
 *
 * @param operators those of a graph, or of `chunkNodes` for a chunked plan
 * @throws ArgumentError naming the step that is wrong, or what is missing at the end
 */
export function checkPlan(operators: readonly OperatorNode[], plan: Plan): void {
  const byName = new Map(operators.map((node) => [node.name, node]));
  const done = new Set<string>();
  const started = new Set<string>();
  for (const step of plan) {
    const node = byName.get(step.operator);
    if (!node) throw planError(step, `no such operator; there are ${[...byName.keys()].join(', ')}`);
    if (done.has(node.name)) throw planError(step, 'it already ran');
    const exchange = isExchangeKind(node.kind);
    if (exchange && step.action === 'run') throw planError(step, 'an exchange is started and waited for, not run');
    if (!exchange && step.action !== 'run') throw planError(step, 'a computation is run, not started or waited for');
    if (step.action === 'wait') {
      if (!started.delete(node.name)) throw planError(step, 'it was not started');
    } else {
      const missing = node.after.find((earlier) => !done.has(earlier));
      if (missing !== undefined) throw planError(step, `'${missing}' is not complete yet`);
    }
    if (step.action === 'start') {
      if (started.has(node.name)) throw planError(step, 'it is already under way');
      started.add(node.name);
    } else {
      done.add(node.name);
    }
  }
  const left = operators.filter(({ name }) => !done.has(name)).map(({ name }) => name);
  if (left.length > 0) throw new ArgumentError(`plan ends before these operators are complete: ${left.join(', ')}`);
}

function planError({ action, operator }: Step, problem: string): ArgumentError {
  return new ArgumentError(`plan step '${action} ${operator}': ${problem}`);
}
