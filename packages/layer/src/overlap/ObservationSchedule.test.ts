import { ObservationSchedule } from './ObservationSchedule.js';

/** Which of the next steps are observed, and which of those complete a measurement. */
function steps(schedule: ObservationSchedule, count: number): string {
  return Array.from({ length: count }, () => {
    const { isObserving } = schedule;
    return schedule.stepDone() ? 'C' : isObserving ? 'o' : '.';
  }).join('');
}

describe('ObservationSchedule', () => {
  it('observes steps in a row, after the warm-up and again after each pause', () => {
    const schedule = new ObservationSchedule({ warmupSteps: 2, measuredSteps: 3, refreshSteps: 4 });
    expect(steps(schedule, 20)).toBe('..ooC....ooC....ooC.');
  });

  it('observes once where nothing is to be refreshed', () => {
    const schedule = new ObservationSchedule({ warmupSteps: 0, measuredSteps: 1, refreshSteps: 0 });
    expect(steps(schedule, 5)).toBe('C....');
  });

  it('begins again when it is told to', () => {
    const schedule = new ObservationSchedule({ warmupSteps: 0, measuredSteps: 2, refreshSteps: 0 });
    expect(steps(schedule, 3)).toBe('oC.');
    schedule.restart(1);
    expect(steps(schedule, 4)).toBe('.oC.');
  });
});
