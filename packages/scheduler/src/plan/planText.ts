import { ArgumentError } from '@scmoe/errors';

import type { Plan, Step } from './Plan.js';

const actions: readonly string[] = ['run', 'start', 'wait'];

/** A plan as text that is the same for equal plans. */
export function writePlan(plan: Plan): string {
  return JSON.stringify({ version: 1, plan: plan.map(({ action, operator }) => [action, operator]) });
}

/** @throws ArgumentError where the text is not that of a plan */
export function readPlan(text: string): Plan {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new ArgumentError(`not a plan: expected JSON, got '${text.slice(0, 60)}'`);
  }
  const { version, plan } = (content ?? {}) as { version?: unknown; plan?: unknown };
  if (version !== 1) throw new ArgumentError(`not a plan: expected version 1, got ${JSON.stringify(version)}`);
  if (!Array.isArray(plan)) throw new ArgumentError('not a plan: it has no list of steps');
  return plan.map((step: unknown): Step => {
    const [action, operator] = Array.isArray(step) ? (step as unknown[]) : [];
    if (typeof action !== 'string' || !actions.includes(action) || typeof operator !== 'string') {
      throw new ArgumentError(`not a plan: expected steps [run | start | wait, operator], got ${JSON.stringify(step)}`);
    }
    return { action: action as Step['action'], operator };
  });
}
