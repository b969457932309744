import type { OperatorCosts } from '../costs/OperatorCosts.js';
import type { Plan } from '../plan/Plan.js';
import { simulatePlan, type SimulateOptions } from './simulatePlan.js';

/** A time in which the network has nothing to do, from a place in a plan on: behind the wait for this exchange. */
export interface NetworkGap {
  readonly operator: string;
  readonly ms: number;
}

/**
 * The gaps that a plan leaves behind its waits: each begins where an exchange has been waited for and no other is under way, and ends
 * with the next one. The last goes on to the first exchange of the next stage, taken to be alike. What is idle before a wait, while
 * something is computed, is no gap: nobody would be there to use it.
 */
export function networkGaps(plan: Plan, costs: OperatorCosts, options: SimulateOptions = {}): readonly NetworkGap[] {
  const { spans, stepMs } = simulatePlan(plan, costs, options);
  const spanOf = new Map(spans.map((span) => [span.operator, span]));
  const gaps: NetworkGap[] = [];
  let open: { operator: string; fromMs: number } | undefined;
  let firstMs: number | undefined;
  let clock = 0;
  let underWay = 0;
  for (const { action, operator } of plan) {
    const { startMs, endMs } = spanOf.get(operator)!;
    if (action === 'run') clock = endMs;
    else if (action === 'start') {
      underWay++;
      firstMs ??= startMs;
      if (open) gaps.push({ operator: open.operator, ms: Math.max(0, startMs - open.fromMs) });
      open = undefined;
    } else {
      clock = Math.max(clock, endMs);
      if (--underWay === 0) open = { operator, fromMs: clock };
    }
  }
  if (open) gaps.push({ operator: open.operator, ms: stepMs - open.fromMs + (firstMs ?? 0) });
  return gaps;
}
