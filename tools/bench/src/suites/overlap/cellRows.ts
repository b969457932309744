import { describeCut, type MeasuredCosts, type PlanChoice } from '@scmoe/scheduler';

import { median } from '../../statistics.js';
import { hiddenShare } from './hiddenShare.js';
import type { LayerName } from './layers.js';
import { computeKey, stepKey, waitsKey } from './measureCell.js';
import type { Steps } from './Steps.js';
import type { Mode } from './OverlapShape.js';
import { candidatesOf, chosenPlan, communicationMs, predictedMs } from './plans.js';
import { rowsOf, type Row } from './rows.js';

/** What was measured of a layer under one plan, in one mode at one share. Times are of a step, in ms. */
export interface CellRow {
  name: string;
  layer: LayerName;
  schedule: Row['schedule'];
  plan: string;
  /** Rounds that the medians are of. */
  rounds: number;
  stepMs: number;
  /** The same step with kernels that wait as long as they take, where it was run. */
  waitedMs?: number;
  /** Against top-2 run sequentially. */
  speedup: number;
  communicationMs: number;
  /** The step less the same computations without communication. */
  exposedMs: number;
  /** 1 - exposed / exposed of the same layer run sequentially, and how far that may be off; of plans that hide something. */
  hidden?: { hidden: number; error: number };
  /** The speed-up that no schedule of this layer passes: the longer of its computations and its exchanges. */
  boundSpeedup: number;
  predictedMs: number;
  /** The prediction times what the sequential steps of this layer took against theirs: without the drift since the profile. */
  scaledMs?: number;
  /** The quickest of the plans that were tried, where there were several. */
  best?: { plan: string; stepMs: number };
}

/** Every row of a share, a level and a mode. */
export function cellRows(steps: Steps, costs: MeasuredCosts, mode: Mode): CellRow[] {
  const msOf = (key: string) => 1000 * median(steps.get(key)!);
  // Round by round, so that a machine that slows down takes no part in it.
  const exposedMs = (layer: LayerName, plan: PlanChoice) => {
    const alone = steps.get(computeKey(layer))!;
    return 1000 * median(steps.get(stepKey(layer, plan))!.map((seconds, round) => seconds - alone[round]!));
  };
  const baseline = msOf(stepKey('top2', null));
  const isRepeated = (row: Row) => row.schedule === 'chunked' && describeCut(chosenPlan(row, costs, mode) ?? {}) === '';
  return rowsOf(costs)
    .filter((row) => !isRepeated(row))
    .map((row): CellRow => {
      const { layer, schedule } = row;
      const plan = chosenPlan(row, costs, mode);
      const own = steps.get(stepKey(layer, plan))!;
      const sequential = steps.get(stepKey(layer, null))!;
      const compute = steps.get(computeKey(layer))!;
      const stepMs = msOf(stepKey(layer, plan));
      const travelling = communicationMs(layer, costs, mode);
      const predicted = predictedMs(row, plan, costs, mode);
      const drift = msOf(stepKey(layer, null)) / predictedMs(row, null, costs, mode);
      const best = bestOf(row, steps, costs);
      return {
        ...row,
        plan: planText(plan, schedule),
        rounds: own.length,
        stepMs,
        ...(steps.has(waitsKey(stepKey(layer, plan))) && { waitedMs: msOf(waitsKey(stepKey(layer, plan))) }),
        speedup: baseline / stepMs,
        communicationMs: travelling,
        exposedMs: exposedMs(layer, plan),
        ...(plan && { hidden: hiddenShare({ step: own, sequential, compute }), scaledMs: predicted * drift }),
        boundSpeedup: baseline / Math.max(msOf(computeKey(layer)), travelling),
        predictedMs: predicted,
        ...(best && { best }),
      };
    });
}

function bestOf(row: Row, steps: Steps, costs: MeasuredCosts): CellRow['best'] {
  const tried = candidatesOf(row, costs).filter((plan) => steps.has(stepKey(row.layer, plan)));
  if (row.schedule === 'sequential' || tried.length < 2) return undefined;
  const ms = (plan: PlanChoice) => 1000 * median(steps.get(stepKey(row.layer, plan))!);
  const best = tried.reduce((least, plan) => (ms(plan) < ms(least) ? plan : least));
  return { plan: planText(best, row.schedule), stepMs: ms(best) };
}

function planText(plan: PlanChoice, schedule: Row['schedule']): string {
  if (!plan) return schedule === 'sequential' ? 'sequential' : 'sequential (chosen)';
  const parts = describeCut(plan);
  if (schedule === 'pipelined') return parts;
  return parts ? `slot ${plan.slot}, ${parts}` : `slot ${plan.slot}`;
}
