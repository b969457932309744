import { isExchangeKind, type OperatorNode } from '../graph/OperatorNode.js';
import { run, start, wait, type Plan } from './Plan.js';

/** Every operator after the other in the order given, each exchange waited for at once: the reference of all plans. */
export function sequentialPlan(operators: readonly Pick<OperatorNode, 'name' | 'kind'>[]): Plan {
  return operators.flatMap(({ name, kind }) => (isExchangeKind(kind) ? [start(name), wait(name)] : [run(name)]));
}
