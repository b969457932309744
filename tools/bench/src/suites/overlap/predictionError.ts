import type { MeasuredCosts } from '@scmoe/scheduler';

import { median } from '../../statistics.js';
import { stepKey, type Steps } from './measureCell.js';
import type { Mode } from './OverlapShape.js';
import { chosenPlan, predictedMs } from './plans.js';
import { rowsOf } from './rows.js';

/** How far predictions were off the steps that were measured, of all rows of a table the furthest: a share of a step. */
export function predictionError(steps: Steps, costs: MeasuredCosts, mode: Mode): number {
  const errors = rowsOf(costs).map((row) => {
    const plan = chosenPlan(row, costs, mode);
    const stepMs = 1000 * median(steps.get(stepKey(row.layer, plan))!);
    return Math.abs(predictedMs(row, plan, costs, mode) / stepMs - 1);
  });
  return Math.max(...errors);
}
