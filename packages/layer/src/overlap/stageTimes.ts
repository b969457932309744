import { unchunkedName, type OperatorCosts, type OperatorGraph } from '@scmoe/scheduler';

import type { Phase } from '../plan/PlanObserver.js';
import type { StepEvent } from './StepRecorder.js';

/** Where the time of one stage went in one step, in milliseconds. */
export interface StageTimes {
  /** What its plan took from begin to end, waiting included. */
  totalMs: number;
  /** What its exchanges took, hidden or not. */
  communicationMs: number;
  /** How long it stood still for them. */
  exposedMs: number;
}

export function stageTimes(events: readonly StepEvent[], stage: number): StageTimes {
  const own = events.filter((event) => event.stage === stage);
  const sum = (of: (event: StepEvent) => number) => own.reduce((total, event) => total + of(event), 0);
  return {
    totalMs: sum(({ beginMs, endMs }) => endMs - beginMs),
    communicationMs: sum(({ step, transfer }) =>
      step.action === 'start' && transfer ? transfer.endMs - transfer.beginMs : 0,
    ),
    exposedMs: sum(blockedMs),
  };
}

/**
 * Time of each operator of a stage in one pass. An exchange costs what its data takes to move. What JavaScript does to
 * start one and to take what came, beyond standing still, belongs to the computation before and after it.
 */
export function operatorCosts(
  events: readonly StepEvent[],
  stage: number,
  phase: Phase,
  graph: OperatorGraph,
): OperatorCosts {
  const costs: Record<string, number> = Object.fromEntries(graph.names.map((name) => [name, 0]));
  const add = (name: string, ms: number) => (costs[name] = (costs[name] ?? 0) + ms);
  const { encode, dispatch, expert, decode } = graph.routed ?? {};
  for (const event of events) {
    if (event.stage !== stage || event.phase !== phase) continue;
    const name = unchunkedName(event.step.operator);
    const busyMs = event.endMs - event.beginMs - blockedMs(event);
    if (event.step.action === 'run') {
      add(name, busyMs);
      continue;
    }
    if (event.step.action === 'start' && event.transfer) add(name, event.transfer.endMs - event.transfer.beginMs);
    // Before a dispatch stands encode and behind it the expert, whichever way the pass goes; so around a combine.
    const isFirst = (event.step.action === 'start') === (phase === 'forward');
    const neighbour = name === dispatch ? (isFirst ? encode : expert) : isFirst ? expert : decode;
    if (neighbour !== undefined) add(neighbour, busyMs);
  }
  return costs;
}

/** How long a wait stood still: until its data had come. */
function blockedMs({ step, beginMs, endMs, transfer }: StepEvent): number {
  return step.action === 'wait' && transfer ? Math.max(0, Math.min(transfer.endMs, endMs) - beginMs) : 0;
}
