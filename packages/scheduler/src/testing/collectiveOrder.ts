import type { Plan } from '../plan/Plan.js';

/** The exchanges in the order in which every rank that follows the plan issues them. */
export function collectiveOrder(plan: Plan): readonly string[] {
  return plan.filter(({ action }) => action === 'start').map(({ operator }) => operator);
}
