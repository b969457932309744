import { sequentialPlan, type Plan } from '@scmoe/scheduler';

import { executePlan } from './executePlan.js';
import type { Operator } from './Operator.js';
import type { PlanObserver } from './PlanObserver.js';
import { recomputedOperators } from './recomputedOperators.js';
import { tidyRecord } from './tidyRecord.js';

/** The order in which operators run, and who hears of it. */
export interface RunOptions<Values> {
  /** Orders the operators; sequentially by default. Every plan gives the same numbers. */
  plan?: (operators: readonly Operator<Values>[]) => Plan;
  /** Hears of every step of the plan. */
  observer?: PlanObserver;
  /** A backward pass computes the inside of each operator once more instead of keeping it: see `recomputedOperators`. */
  recompute?: boolean;
  /** A value of which the plan's last steps are left to whoever reads it, as `executePlan` says. */
  late?: string;
}

/** Runs the operators from the values given and frees all that `results` does not pick of what they produce. */
export function runOperators<Values extends object, Results extends object>(
  operators: readonly Operator<Values>[],
  initial: Partial<Values>,
  { plan = sequentialPlan, observer, recompute = false, late }: RunOptions<Values>,
  results: (values: Partial<Values>) => Results,
): Results {
  const run = recompute ? recomputedOperators(operators) : operators;
  return tidyRecord(() => results(executePlan(plan(operators), run, initial, { observer, late })));
}
