import type { MeasuredCosts, PlanChoice } from '@scmoe/scheduler';

import { alternate, type Timed } from '../../alternate.js';
import type { RankGroup } from '../../ranks/RankGroup.js';
import type { LayerName } from './layers.js';
import type { Computation, Level, Mode } from './OverlapShape.js';
import { candidatesOf, chosenPlan } from './plans.js';
import type { GoesOn } from './Rounds.js';
import type { Question } from './protocol.js';
import { layersOf, rowsOf } from './rows.js';
import type { Steps } from './Steps.js';

export const stepKey = (layer: LayerName, plan: PlanChoice) => JSON.stringify([layer, plan]);
export const computeKey = (layer: LayerName) => JSON.stringify([layer, 'compute only']);
/** The same step with kernels that wait as long as they take. */
export const waitsKey = (key: string) => `${key}, waits`;

type TimeQuestion = Extract<Question, { ask: 'time' }>;

/** What is timed, and how often. */
export interface CellOptions {
  goesOn: GoesOn;
  /** Rounds of the plans that were not chosen, to find the best of all; none where it is 0. */
  candidateRounds: number;
  /** Whether the chosen plans are run with kernels that wait as well. */
  withWaits?: boolean;
  /** Other programs that take turns with ours, such as the peer. */
  beside?: readonly Timed[];
}

/** Times every row, and every layer with the communication removed, in turn. */
export async function measureCell(
  group: RankGroup,
  { level, mode, costs }: { level: Level; mode: Mode; costs: MeasuredCosts },
  { goesOn, candidateRounds, withWaits = false, beside = [] }: CellOptions,
): Promise<Steps> {
  const timed = (key: string, what: Pick<TimeQuestion, 'layer' | 'plan' | 'exchange' | 'computation'>): Timed => ({
    name: key,
    run: () => group.time(JSON.stringify({ ask: 'time', level, mode, ...what } satisfies TimeQuestion)),
  });
  // A layer's steps come one after the other: what is subtracted was taken as near as can be.
  const chosen: Timed[] = [];
  const all: Timed[] = [];
  for (const layer of layersOf(costs)) {
    const own = rowsOf(costs).filter((row) => row.layer === layer);
    const unique = new Map<string, Timed>();
    const add = (
      key: string,
      plan: PlanChoice,
      { exchange = true, computation }: { exchange?: boolean; computation?: Computation } = {},
    ) => void unique.set(key, timed(key, { layer, plan, exchange, ...(computation && { computation }) }));
    const withTwin: typeof add = (key, plan, options) => {
      add(key, plan, options);
      if (withWaits) add(waitsKey(key), plan, { ...options, computation: 'waits' });
    };
    withTwin(computeKey(layer), null, { exchange: false });
    for (const row of own) {
      const plan = chosenPlan(row, costs, mode);
      withTwin(stepKey(layer, plan), plan);
    }
    chosen.push(...unique.values());
    if (candidateRounds > 0)
      own.flatMap((row) => candidatesOf(row, costs)).forEach((plan) => add(stepKey(layer, plan), plan));
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
