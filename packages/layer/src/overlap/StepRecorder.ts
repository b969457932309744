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

  constructor(private readonly now: () => number = systemClock) {}

  observer(stage: number): PlanObserver {
    return {
      begin: (step, phase) => this.begin(stage, step, phase),
      end: (step, phase) => this.end(stage, step, phase),
    };
  }

  /**
   * What was written down, in its order, with the transfers of `entries`: those of the exchanges, in the order in which
   * they were issued. Undefined where there are more or fewer of them, so that it is not clear whose they are.
   */
  take(entries: readonly FlightEntry[] = []): StepEvent[] | undefined {
    const events = this.events;
    this.events = [];
    this.open = undefined;
    const starts = events.filter(({ step }) => step.action === 'start');
    // What a second pass sends once more is no event.
    const isOfStart = (issuedMs: number) =>
      starts.some(({ beginMs, endMs }) => issuedMs >= beginMs - slackMs && issuedMs <= endMs + slackMs);
    const transfers = entries.filter(({ operation, issuedMs }) => operation === 'allToAllV' && isOfStart(issuedMs));
    if (entries.length > 0 && transfers.length !== starts.length) return undefined;
    const underWay = new Map<string, StepEvent['transfer']>();
    for (const event of events) {
      const key = `${event.stage} ${event.phase} ${event.step.operator}`;
      if (event.step.action === 'start') {
        const transfer = transfers[starts.indexOf(event)];
        event.transfer = transfer && { beginMs: transfer.startedMs, endMs: transfer.finishedMs };
        underWay.set(key, event.transfer);
      } else if (event.step.action === 'wait') {
        event.transfer = underWay.get(key);
      }
    }
    return events;
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

/** The clocks of JavaScript and of the communicator are the same, read in different ways. */
const slackMs = 1;

function isSame(event: StepEvent, stage: number, { action, operator }: Step): boolean {
  return event.stage === stage && event.step.operator === operator && event.step.action === action;
}
