import type { Plan, Step } from './Plan.js';

const mirrored = { run: 'run', start: 'wait', wait: 'start' } as const;

/**
 * The plan of the backward pass that mirrors a forward plan, as a tape in exact reverse order runs it: the gradient of
 * combine starts where combine was waited for, the expert's gradient comes at the mirrored slot, and the gradient of
 * dispatch is waited for where dispatch started. Its steps name the operators whose gradients they compute.
 */
export function mirrorPlan(plan: Plan): Plan {
  return plan.map(({ action, operator }): Step => ({ action: mirrored[action], operator })).reverse();
}
