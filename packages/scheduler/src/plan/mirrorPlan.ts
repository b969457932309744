import type { Plan, Step } from './Plan.js';

const mirrored = { run: 'run', start: 'wait', wait: 'start' } as const;

/** What a step of the forward pass is in the backward pass: the gradient of a start waits, that of a wait starts. */
export function mirrorStep({ action, operator }: Step): Step {
  return { action: mirrored[action], operator };
}

/**
 * The plan of the backward pass that mirrors a forward plan, as a tape in exact reverse order runs it: the gradient of
 * combine starts where combine was waited for, the expert's gradient comes at the mirrored slot, and the gradient of
 * dispatch is waited for where dispatch started. Its steps name the operators whose gradients they compute.
 */
export function mirrorPlan(plan: Plan): Plan {
  return plan.map(mirrorStep).reverse();
}
