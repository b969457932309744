import type { FlightEntry } from '@scmoe/comm';
import { stageGraph, type Step } from '@scmoe/scheduler';

import { stageTimes, operatorCosts } from './stageTimes.js';
import { StepRecorder } from './StepRecorder.js';

const run = (operator: string): Step => ({ action: 'run', operator });
const start = (operator: string): Step => ({ action: 'start', operator });
const wait = (operator: string): Step => ({ action: 'wait', operator });

/** A recorder whose clock the test sets. */
function recorderAt(piecesOf?: (stage: number) => number) {
  const clock = { ms: 0 };
  const recorder = new StepRecorder({ now: () => clock.ms, ...(piecesOf && { piecesOf }) });
  const observer = recorder.observer(0);
  const step = (step: Step, phase: 'forward' | 'backward', from: number, to: number) => {
    clock.ms = from;
    observer.begin(step, phase);
    clock.ms = to;
    observer.end(step, phase);
  };
  return { recorder, observer, clock, step };
}

const transfer = (issuedMs: number, startedMs: number, finishedMs: number, operation = 'allToAllV') =>
  ({ operation, issuedMs, startedMs, finishedMs }) as FlightEntry;

describe('StepRecorder and the times made of it', () => {
  it('tells computing, moving data and standing still apart', () => {
    const { recorder, step } = recorderAt();
    step(run('encode'), 'forward', 0, 2);
    step(start('dispatch'), 'forward', 2, 3);
    step(run('mlp1'), 'forward', 3, 8);
    step(wait('dispatch'), 'forward', 8, 13); // the data are there at 12, and are put in order
    step(run('expert'), 'forward', 13, 20);
    // An exchange of row counts is none of the two, one of the step before neither.
    const entries = [transfer(-50, -49, -40), transfer(2.1, 2.2, 2.3, 'allToAll'), transfer(2.5, 3, 12)];
    const events = recorder.take(entries)!;
    expect(stageTimes(events, 0)).toEqual({ totalMs: 20, communicationMs: 9, exposedMs: 4 });
    const costs = operatorCosts(events, 0, 'forward', stageGraph('pos2'));
    expect(costs).toMatchObject({ encode: 2 + 1, dispatch: 9, mlp1: 5, expert: 1 + 7, combine: 0, attention2: 0 });
  });

  it('ends a step of the backward pass with the last gradient that leaves it', () => {
    const { recorder, observer, clock } = recorderAt();
    const at = (ms: number, edge: 'begin' | 'end', step: Step) => {
      clock.ms = ms;
      observer[edge](step, 'backward');
    };
    at(0, 'begin', run('mlp1'));
    at(1, 'begin', run('mlp1')); // a second output
    at(4, 'end', run('mlp1'));
    at(6, 'end', run('mlp1'));
    at(7, 'begin', start('dispatch'));
    at(8, 'end', start('dispatch'));
    at(9, 'begin', wait('dispatch'));
    at(15, 'end', wait('dispatch'));
    const events = recorder.take([transfer(7.5, 8, 14)])!;
    expect(events.map(({ beginMs, endMs }) => [beginMs, endMs])).toEqual([
      [0, 6],
      [7, 8],
      [9, 15],
    ]);
    // On the way back, the expert's gradient comes before that of the dispatch, and encode's behind it.
    const costs = operatorCosts(events, 0, 'backward', stageGraph('pos2'));
    expect(costs).toMatchObject({ mlp1: 6, dispatch: 6, expert: 1, encode: 1 });
    expect(operatorCosts(events, 0, 'forward', stageGraph('pos2'))['mlp1']).toBe(0);
  });

  it('takes the pieces of what comes back for one transfer, forward and backward', () => {
    const { recorder, step } = recorderAt(() => 3);
    const pieces = (from: number) => [0, 1, 2].map((i) => transfer(from + 0.1, from + 1 + i, from + 2 + i));
    step(start('dispatch'), 'forward', 0, 1);
    step(start('combine'), 'forward', 10, 11);
    step(start('combine'), 'backward', 20, 21);
    step(start('dispatch'), 'backward', 30, 31);
    const entries = [transfer(0.5, 1, 4), ...pieces(10), transfer(20.5, 21, 24), ...pieces(30)];
    expect(recorder.take(entries)!.map(({ transfer }) => transfer)).toEqual([
      { beginMs: 1, endMs: 4 },
      { beginMs: 11, endMs: 14 },
      { beginMs: 21, endMs: 24 },
      { beginMs: 31, endMs: 34 },
    ]);
  });

  it('gives nothing where it is not clear whose the transfers are', () => {
    const { recorder, step } = recorderAt();
    step(start('dispatch'), 'forward', 2, 3);
    step(wait('dispatch'), 'forward', 3, 4);
    expect(recorder.take([transfer(2.1, 2.2, 3), transfer(2.5, 3, 4)])).toBeUndefined();
    expect(recorder.take()).toEqual([]);
  });
});
