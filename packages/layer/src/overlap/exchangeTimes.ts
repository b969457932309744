import type { Communicator } from '@scmoe/comm';
import { median, unchunkedName, type OperatorCosts, type OperatorGraph } from '@scmoe/scheduler';

import type { Phase } from '../plan/PlanObserver.js';
import { gatherText } from './gatherText.js';
import type { StepEvent } from './StepRecorder.js';
import { systemClock } from './systemClock.js';

/** What one rank saw, by its own clock in ms. */
export interface SeenExchanges {
  /** Begin and end of every transfer, by step and in the order in which they were issued. */
  readonly transfers: readonly (readonly (readonly [beginMs: number, endMs: number])[])[];
  /** When it left each of some barriers: all ranks leave one at nearly the same time, so that their clocks can be compared. */
  readonly leftMs: readonly number[];
}

const numBarriers = 5;

/**
 * What the exchanges of a stage took in one phase, all parts together: medians over the steps, as `lastToLast` says. Undefined where
 * ranks saw other exchanges. A collective: all ranks call it.
 */
export async function exchangeTimes(
  world: Communicator,
  steps: readonly (readonly StepEvent[])[],
  { stage, phase, graph }: { stage: number; phase: Phase; graph: OperatorGraph },
): Promise<OperatorCosts | undefined> {
  const starts = steps.map((events) =>
    events.filter((event) => event.stage === stage && event.phase === phase && event.step.action === 'start'),
  );
  const leftMs = Array.from({ length: numBarriers }, () => {
    world.barrier().wait();
    return systemClock();
  });
  const transfers = starts.map((events) =>
    events.map(({ transfer }) => [transfer?.beginMs ?? 0, transfer?.endMs ?? 0]),
  );
  const texts = await gatherText(world, JSON.stringify({ transfers, leftMs }));
  const times = lastToLast(texts.map((text) => JSON.parse(text) as SeenExchanges));
  if (!times) return undefined;
  const sumOf = (name: string, step: number) =>
    starts[step]!.reduce(
      (sum, { step: { operator } }, i) => sum + (unchunkedName(operator) === name ? times[step]![i]! : 0),
      0,
    );
  const exchanges = graph.names.filter((name) => graph.isExchange(name));
  return Object.fromEntries(exchanges.map((name) => [name, median(steps.map((_, step) => sumOf(name, step)))]));
}

/**
 * The ms of every exchange, from when the last rank was there until the last one had its data. A rank that comes early waits, and
 * one that gets few rows has them early: neither's time is that of an exchange that carries other numbers of rows to each rank.
 *
 * @returns by step and exchange; undefined where ranks saw other numbers of them
 */
export function lastToLast(ranks: readonly SeenExchanges[]): readonly (readonly number[])[] | undefined {
  const [first] = ranks as [SeenExchanges];
  const shape = ({ transfers }: SeenExchanges) => transfers.map((step) => step.length).join();
  if (ranks.some((rank) => shape(rank) !== shape(first))) return undefined;
  const aheadMs = ranks.map(({ leftMs }) => median(leftMs.map((ms, i) => ms - first.leftMs[i]!)));
  return first.transfers.map((exchanges, step) =>
    exchanges.map((_, i) => {
      const last = (edge: 0 | 1) => Math.max(...ranks.map((rank, r) => rank.transfers[step]![i]![edge] - aheadMs[r]!));
      return Math.max(0, last(1) - last(0));
    }),
  );
}
