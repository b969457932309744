import type { MeasuredCosts } from '@scmoe/scheduler';

import { alternate, type Timed } from '../../alternate.js';
import type { RankGroup } from '../../ranks/RankGroup.js';
import { layerNames, type LayerName } from './layers.js';
import type { Level, Mode } from './OverlapShape.js';
import { candidatesOf, chosenPlan } from './plans.js';
import type { PlanChoice } from './protocol.js';
import { rows } from './rows.js';

/** Seconds of single steps by what ran: see `stepKey` and `computeKey`. */
export type Steps = ReadonlyMap<string, readonly number[]>;

export const stepKey = (layer: LayerName, plan: PlanChoice) => JSON.stringify([layer, plan]);
export const computeKey = (layer: LayerName) => JSON.stringify([layer, 'compute only']);

/** Other programs that take turns with ours, such as the peer. */
export interface CellOptions {
  rounds: number;
  /** Try all plans, not the chosen ones alone. */
  all: boolean;
  beside?: readonly Timed[];
}

/** Times every row, and every layer with the communication removed, in turn. */
export async function measureCell(
  group: RankGroup,
  { level, mode, costs }: { level: Level; mode: Mode; costs: MeasuredCosts },
  { rounds, all, beside = [] }: CellOptions,
): Promise<Steps> {
  const timed = new Map<string, Timed>();
  const add = (key: string, layer: LayerName, plan: PlanChoice, exchange: boolean) =>
    timed.set(key, {
      name: key,
      run: () => group.time(JSON.stringify({ ask: 'time', level, layer, mode, plan, exchange })),
    });
  // A layer's steps come one after the other: what is subtracted was taken as near as can be.
  for (const layer of layerNames) {
    add(computeKey(layer), layer, null, false);
    for (const row of rows.filter((one) => one.layer === layer)) {
      for (const plan of [chosenPlan(row, costs, mode), ...(all ? candidatesOf(row) : [])]) {
        add(stepKey(layer, plan), layer, plan, true);
      }
    }
  }
  const contenders = [...timed.values(), ...beside];
  // Memory is allocated and touched in the first round, which does not count.
  await alternate(contenders, 1);
  return alternate(contenders, rounds);
}
