import { ArgumentError, expectNonNegative } from '@scmoe/errors';

import type { OperatorCosts } from '../costs/OperatorCosts.js';
import type { Plan, Step } from '../plan/Plan.js';
import { slowedEnd, type Interval } from './slowedEnd.js';

/** An operator on one of a rank's two resources. */
export interface Span {
  readonly rank: number;
  readonly track: 'compute' | 'communication';
  readonly operator: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** When every operator of a plan runs. */
export interface Schedule {
  readonly spans: readonly Span[];
  /** When the last rank is done. */
  readonly stepMs: number;
  /** The part of the step that would be gone if the exchanges took no time. */
  readonly exposedMs: number;
}

/** What makes computing slower than its costs say. */
export interface SimulateOptions {
  /**
   * The share by which computing is slower while an exchange is under way, since both use the same cores or memory.
   * Default 0.
   */
  readonly interference?: number;
}

/**
 * When everything happens if ranks follow a plan: each rank has one stream of computations and one channel that carries
 * its exchanges in the order they were issued. An exchange is done by all ranks together: it begins when the last of them
 * has issued it and lasts as long as on the slowest. Computations run in the order of the plan; a wait holds the stream.
 *
 * @param costs of one rank, or one entry for each rank
 * @throws ArgumentError where a step has no cost, or the plan waits for what it has not started
 */
export function simulatePlan(
  plan: Plan,
  costs: OperatorCosts | readonly OperatorCosts[],
  { interference = 0 }: SimulateOptions = {},
): Schedule {
  expectNonNegative('interference', interference);
  const ranks = Array.isArray(costs) ? (costs as readonly OperatorCosts[]) : [costs as OperatorCosts];
  if (ranks.length === 0) throw new ArgumentError('costs: expected those of at least one rank, got none');
  const schedule = follow(plan, ranks, interference, 1);
  return { ...schedule, exposedMs: schedule.stepMs - follow(plan, ranks, interference, 0).stepMs };
}

function follow(plan: Plan, ranks: readonly OperatorCosts[], interference: number, communicationScale: number) {
  const spans: Span[] = [];
  const clocks = ranks.map(() => 0);
  const exchanges = new Map<string, Interval>();
  const underWay = new Set<string>();
  let channelFreeMs = 0;

  for (const step of plan) {
    const { action, operator } = step;
    if (action === 'start') {
      const durationMs = Math.max(...ranks.map((costs) => costOf(step, costs))) * communicationScale;
      const startMs = Math.max(channelFreeMs, ...clocks);
      channelFreeMs = startMs + durationMs;
      exchanges.set(operator, { startMs, endMs: channelFreeMs });
      underWay.add(operator);
      clocks.forEach((_, rank) =>
        spans.push({ rank, track: 'communication', operator, startMs, endMs: channelFreeMs }),
      );
      continue;
    }
    if (action === 'wait' && !underWay.delete(operator)) {
      throw new ArgumentError(`plan step 'wait ${operator}': it was not started`);
    }
    clocks.forEach((clock, rank) => {
      if (action === 'wait') {
        clocks[rank] = Math.max(clock, exchanges.get(operator)!.endMs);
        return;
      }
      const endMs = slowedEnd(clock, costOf(step, ranks[rank]!), [...exchanges.values()], interference);
      spans.push({ rank, track: 'compute', operator, startMs: clock, endMs });
      clocks[rank] = endMs;
    });
  }
  return { spans, stepMs: Math.max(channelFreeMs, ...clocks) };
}

function costOf({ action, operator }: Step, costs: OperatorCosts): number {
  const cost = costs[operator];
  if (cost === undefined) {
    throw new ArgumentError(
      `plan step '${action} ${operator}': no cost; there are costs for ${Object.keys(costs).join(', ')}`,
    );
  }
  expectNonNegative(`cost of '${operator}' in ms`, cost);
  return cost;
}
