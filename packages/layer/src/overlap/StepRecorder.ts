import type { Step } from '@scmoe/scheduler';
import type { FlightEntry } from '@scmoe/comm';

import type { Phase, PlanObserver } from '../plan/PlanObserver.js';
import { systemClock } from './systemClock.js';

/** The number of what belongs to no stage. */
export const noStage = -1;

/** One step of a stage's plan, in milliseconds since 1970. */
export interface StepEvent {
  stage: number;
  step: Step;
  phase: Phase;
  beginMs: number;
  endMs: number;
  /** When an exchange's data moved; of its start and its wait. */
  transfer?: { beginMs: number; endMs: number };
}

/** Writes down when the steps of all stages' plans ran, between one call of `take` and the next. */
export class StepRecorder {
  private events: StepEvent[] = [];
  /** The step of a backward pass that has begun: it ends with the last gradient that leaves it. */
  private open: StepEvent | undefined;

  private readonly now: () => number;
  private readonly piecesOf: (stage: number) => number;

  /** @param piecesOf pieces in which the rows of a stage come back, and gradients of those that went out */
  constructor({
    now = systemClock,
    piecesOf = () => 1,
  }: { now?: () => number; piecesOf?: (stage: number) => number } = {}) {
    this.now = now;
    this.piecesOf = piecesOf;
  }

  /** Writes down what the plans of a stage do, forward and backward. */
  observer(stage: number): PlanObserver {
    return {
      begin: (step, phase) => this.begin(stage, step, phase),
      end: (step, phase) => this.end(stage, step, phase),
    };
  }

  /**
   * What was written down, in its order, with the transfers of `entries`: those of the exchanges, in the order in which
   * they were issued; one that goes in pieces lasts from the first to the last. Undefined where it is not clear whose they are.
   */
  take(entries: readonly FlightEntry[] = []): StepEvent[] | undefined {
    const events = this.events;
    this.events = [];
    this.open = undefined;
    const starts = events.filter(({ step }) => step.action === 'start');
    // What a second pass sends once more is no event.
    const isOfStart = (issuedMs: number) =>
      starts.some(({ beginMs, endMs }) => issuedMs >= beginMs - slackMs && issuedMs <= endMs + slackMs);
    const travelled = entries.filter(({ operation, issuedMs }) => operation === 'allToAllV' && isOfStart(issuedMs));
    const transfers = transfersOf(
      travelled,
      starts.map((start) => this.piecesOfStart(start)),
    );
    if (entries.length > 0 && !transfers) return undefined;
    const underWay = new Map<string, StepEvent['transfer']>();
    for (const event of events) {
      const key = `${event.stage} ${event.phase} ${event.step.operator}`;
      if (event.step.action === 'start') {
        event.transfer = transfers?.[starts.indexOf(event)];
        underWay.set(key, event.transfer);
      } else if (event.step.action === 'wait') {
        event.transfer = underWay.get(key);
      }
    }
    return events;
  }

  private piecesOfStart({ stage, phase, step: { operator } }: StepEvent): number {
    return operator.startsWith(phase === 'forward' ? 'combine' : 'dispatch') ? this.piecesOf(stage) : 1;
  }

  private begin(stage: number, step: Step, phase: Phase): void {
    if (phase === 'backward' && this.open && isSame(this.open, stage, step)) return;
    const now = this.now();
    const event = { stage, step, phase, beginMs: now, endMs: now };
    this.open = phase === 'backward' ? event : undefined;
    this.events.push(event);
  }

  private end(stage: number, step: Step, phase: Phase): void {
    const event = phase === 'backward' ? this.open : this.events.at(-1);
    if (event && isSame(event, stage, step)) event.endMs = this.now();
  }
}

/** The transfer of each start, of as many entries as it has pieces. */
function transfersOf(
  entries: readonly FlightEntry[],
  pieces: readonly number[],
): NonNullable<StepEvent['transfer']>[] | undefined {
  if (entries.length !== pieces.reduce((sum, count) => sum + count, 0)) return undefined;
  let next = 0;
  return pieces.map((count) => {
    const own = entries.slice(next, (next += count));
    return { beginMs: own[0]!.startedMs, endMs: own.at(-1)!.finishedMs };
  });
}

/** The clocks of JavaScript and of the communicator are the same, read in different ways. */
const slackMs = 1;

function isSame(event: StepEvent, stage: number, { action, operator }: Step): boolean {
  return event.stage === stage && event.step.operator === operator && event.step.action === action;
}
