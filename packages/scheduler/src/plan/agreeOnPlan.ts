import type { OperatorNode } from '../graph/OperatorNode.js';
import { checkPlan } from './checkPlan.js';
import type { Plan } from './Plan.js';
import { readPlan, writePlan } from './planText.js';

/** Hands every rank the text that rank 0 called with. A collective: all ranks call it, each with its own text. */
export type BroadcastText = (text: string) => string | Promise<string>;

/**
 * Makes all ranks follow the plan of rank 0. Ranks measure different times and would choose different plans, and with them
 * different orders of collectives, which never meet.
 *
 * @param own the plan that this rank would choose; that of rank 0 is what all get
 * @param operators where given, what came is checked against them
 * @throws ArgumentError where what came is not a plan, or not one for `operators`
 */
export async function agreeOnPlan(
  own: Plan,
  broadcast: BroadcastText,
  operators?: readonly OperatorNode[],
): Promise<Plan> {
  const agreed = readPlan(await broadcast(writePlan(own)));
  if (operators) checkPlan(operators, agreed);
  return agreed;
}
