import { unchunkedName } from '../graph/chunkNames.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import type { Plan } from '../plan/Plan.js';
import { sequentialPlan } from '../plan/sequentialPlan.js';

/**
 * A plan as it runs in the middle of a row of stages of its kind, from one `join` to the next: what a stage leaves pending at the
 * end of its plan is waited for behind what the next stage does before it joins. Other plans stay as they are.
 */
export function steadyPlan(graph: OperatorGraph, plan: Plan): Plan {
  const kindOf = (step: Plan[number]) => graph.get(unchunkedName(step.operator)).kind;
  const join = plan.findIndex((step) => kindOf(step) === 'join');
  if (join <= 0) return plan;
  const end = plan.findLastIndex((step) => step.action !== 'wait' && kindOf(step) !== 'decode') + 1;
  return [...plan.slice(join, end), ...plan.slice(0, join), ...plan.slice(end)];
}

/** What a stage computes before it joins what the stage before has left pending: the other stages have nothing such. */
export function beforeJoin(graph: OperatorGraph): readonly string[] {
  const names = sequentialPlan(graph.operators).map(({ operator }) => operator);
  const join = names.findIndex((name) => graph.get(name).kind === 'join');
  return names.slice(0, Math.max(0, join));
}
