import { describeCut, type MeasuredCosts, type PlanChoice } from '@scmoe/scheduler';

import { median } from '../../statistics.js';
import { table } from '../../table.js';
import { hiddenShare } from './hiddenShare.js';
import type { LayerName } from './layers.js';
import { computeKey, stepKey, type Steps } from './measureCell.js';
import type { Mode } from './OverlapShape.js';
import { candidatesOf, chosenPlan, communicationMs, predictedMs } from './plans.js';
import { rowsOf, type Row } from './rows.js';

const header = [
  'layer',
  'plan',
  'step',
  'speed-up',
  'communication',
  'exposed',
  'hidden',
  'bound',
  'predicted',
  'best of all plans',
];

/**
 * One table of a share, a level and a mode. `exposed` is the step less the same computations without communication,
 * `hidden` is 1 - exposed / exposed of the same layer run sequentially, `bound` the speed-up that no schedule of this
 * layer passes: the longer of its computations and its exchanges.
 */
export function cellTable(steps: Steps, costs: MeasuredCosts, mode: Mode): string {
  const msOf = (key: string) => 1000 * median(steps.get(key)!);
  // Round by round, so that a machine that slows down takes no part in it.
  const exposedMs = (layer: LayerName, plan: PlanChoice) => {
    const alone = steps.get(computeKey(layer))!;
    return 1000 * median(steps.get(stepKey(layer, plan))!.map((seconds, round) => seconds - alone[round]!));
  };
  const baseline = msOf(stepKey('top2', null));
  const isRepeated = (row: Row) => row.schedule === 'chunked' && describeCut(chosenPlan(row, costs, mode) ?? {}) === '';
  const cells = rowsOf(costs)
    .filter((row) => !isRepeated(row))
    .map((row) => {
      const { name, layer, schedule } = row;
      const plan = chosenPlan(row, costs, mode);
      const step = msOf(stepKey(layer, plan));
      const compute = msOf(computeKey(layer));
      const exposed = exposedMs(layer, plan);
      const communication = communicationMs(layer, costs, mode);
      const hidden = hiddenShare({
        step: steps.get(stepKey(layer, plan))!,
        sequential: steps.get(stepKey(layer, null))!,
        compute: steps.get(computeKey(layer))!,
      });
      const predicted = predictedMs(row, plan, costs, mode);
      return [
        name,
        planText(plan, schedule),
        `${step.toFixed(0)} ms`,
        `${(baseline / step).toFixed(2)}x`,
        `${communication.toFixed(0)} ms`,
        `${exposed.toFixed(0)} ms`,
        plan === null ? '' : hiddenText(hidden),
        `${(baseline / Math.max(compute, communication)).toFixed(2)}x`,
        `${predicted.toFixed(0)} ms (${signed(100 * (predicted / step - 1))} %)`,
        bestText(row, steps, step),
      ];
    });
  return table(header, cells);
}

/** Where the error is as large as all that there is to hide, a number would be read as one. */
function hiddenText({ hidden, error }: { hidden: number; error: number }): string {
  return error < 0.5 ? `${hidden.toFixed(2)} ± ${error.toFixed(2)}` : 'not resolved';
}

function bestText(row: Row, steps: Steps, step: number): string {
  const tried = candidatesOf(row).filter((plan) => steps.has(stepKey(row.layer, plan)));
  if (row.schedule === 'sequential' || tried.length < 2) return '';
  const ms = (plan: PlanChoice) => 1000 * median(steps.get(stepKey(row.layer, plan))!);
  const best = tried.reduce((least, plan) => (ms(plan) < ms(least) ? plan : least));
  return `${planText(best, row.schedule)} (${signed(100 * (ms(best) / step - 1))} %)`;
}

function planText(plan: PlanChoice, schedule: Row['schedule']): string {
  if (!plan) return schedule === 'sequential' ? 'sequential' : 'sequential (chosen)';
  const parts = describeCut(plan);
  if (schedule === 'pipelined') return parts;
  return parts ? `slot ${plan.slot}, ${parts}` : `slot ${plan.slot}`;
}

const signed = (percent: number) => `${percent < 0 ? '-' : '+'}${Math.abs(percent).toFixed(1)}`;
