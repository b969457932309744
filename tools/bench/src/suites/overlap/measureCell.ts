import type { MeasuredCosts, PlanChoice } from '@scmoe/scheduler';

import { alternate, type Timed } from '../../alternate.js';
import type { RankGroup } from '../../ranks/RankGroup.js';
import type { LayerName } from './layers.js';
import type { Level, Mode } from './OverlapShape.js';
import { candidatesOf, chosenPlan } from './plans.js';
import type { GoesOn } from './Rounds.js';
import { layersOf, rowsOf } from './rows.js';
import type { Steps } from './Steps.js';

export const stepKey = (layer: LayerName, plan: PlanChoice) => JSON.stringify([layer, plan]);
export const computeKey = (layer: LayerName) => JSON.stringify([layer, 'compute only']);

/** What is timed, and how often. */
export interface CellOptions {
  goesOn: GoesOn;
  /** Rounds of the plans that were not chosen, to find the best of all; none where it is 0. */
  candidateRounds: number;
  /** Other programs that take turns with ours, such as the peer. */
  beside?: readonly Timed[];
}

/** Times every row, and every layer with the communication removed, in turn. */
export async function measureCell(
  group: RankGroup,
  { level, mode, costs }: { level: Level; mode: Mode; costs: MeasuredCosts },
  { goesOn, candidateRounds, beside = [] }: CellOptions,
): Promise<Steps> {
  const timed = (key: string, layer: LayerName, plan: PlanChoice, exchange: boolean): Timed => ({
    name: key,
    run: () => group.time(JSON.stringify({ ask: 'time', level, layer, mode, plan, exchange })),
  });
  // A layer's steps come one after the other: what is subtracted was taken as near as can be.
  const chosen: Timed[] = [];
  const all: Timed[] = [];
  for (const layer of layersOf(costs)) {
    const own = rowsOf(costs).filter((row) => row.layer === layer);
    const unique = new Map<string, Timed>([[computeKey(layer), timed(computeKey(layer), layer, null, false)]]);
    const add = (plan: PlanChoice) => unique.set(stepKey(layer, plan), timed(stepKey(layer, plan), layer, plan, true));
    for (const row of own) add(chosenPlan(row, costs, mode));
    chosen.push(...unique.values());
    if (candidateRounds > 0) own.flatMap((row) => candidatesOf(row, costs)).forEach(add);
    all.push(...unique.values());
  }
  // Memory is allocated and touched in the first round, which does not count.
  await alternate([...all, ...beside], 1);
  const first = await alternate([...all, ...beside], (done, steps) => done < candidateRounds && goesOn(done, steps));
  const begun = first.get(all[0]!.name)!.length;
  const rest = await alternate([...chosen, ...beside], (done, steps) =>
    goesOn(begun + done, begun === 0 ? steps : joined(first, steps, steps.keys())),
  );
  return joined(first, rest, new Set([...first.keys(), ...rest.keys()]));
}

function joined(first: Steps, rest: Steps, keys: Iterable<string>): Steps {
  return new Map([...keys].map((key) => [key, [...(first.get(key) ?? []), ...(rest.get(key) ?? [])]]));
}
