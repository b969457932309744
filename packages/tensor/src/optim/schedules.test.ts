import { readReference } from '@scmoe/testing';
import { constantSchedule, cosineSchedule, linearSchedule } from '../index.js';

describe('cosineSchedule', () => {
  it.each(['fromFirst', 'fromZero'] as const)('agrees with the reference values, warm-up %s', (warmup) => {
    const reference = readReference<unknown>('schedule-cosine');
    const schedule = cosineSchedule({ ...(reference.config as { peak: number; totalSteps: number }), warmup });
    const expected = reference.tensors[`output.${warmup}`]!.dataSync();
    // The reference is rounded to float32: half a unit in the last place is 6e-8 of the value.
    expected.forEach((value, step) =>
      expect(Math.abs(schedule(step) - value)).toBeLessThanOrEqual(6e-8 * value + 1e-12),
    );
  });

  it('passes half way at the mean of peak and minimum and stays at the minimum after the end', () => {
    const schedule = cosineSchedule({ peak: 3, minimum: 1, warmupSteps: 10, totalSteps: 30 });
    expect(schedule(10)).toBe(3);
    expect(schedule(20)).toBeCloseTo(2, 12);
    expect(schedule(30)).toBe(1);
    expect(schedule(1000)).toBe(1);
  });
});

describe('linearSchedule', () => {
  it('goes straight down', () => {
    const schedule = linearSchedule({ peak: 2, minimum: 1, warmupSteps: 1, totalSteps: 5 });
    expect([0, 1, 2, 3, 4, 5, 6].map(schedule)).toEqual([1, 2, 1.75, 1.5, 1.25, 1, 1]);
  });
});

describe('constantSchedule', () => {
  it('holds the peak, after a warm-up where there is one', () => {
    expect([0, 1, 100].map(constantSchedule({ peak: 0.5 }))).toEqual([0.5, 0.5, 0.5]);
    expect([0, 1, 2, 3, 4].map(constantSchedule({ peak: 1, warmupSteps: 3 }))).toEqual([0.25, 0.5, 0.75, 1, 1]);
    expect([0, 1, 2].map(constantSchedule({ peak: 1, warmupSteps: 2, warmup: 'fromZero' }))).toEqual([0, 0.5, 1]);
  });
});

describe('a schedule refuses', () => {
  const good = { peak: 1, totalSteps: 10 };
  it.each([
    [{ ...good, peak: -1 }, 'peak: expected a number > 0, got -1'],
    [{ ...good, minimum: 2 }, 'minimum: expected a number from 0 to 1, got 2'],
    [{ ...good, warmupSteps: 10 }, 'totalSteps: expected a whole number above the 10 steps of the warm-up, got 10'],
    [{ ...good, totalSteps: NaN }, /totalSteps: expected .*, got NaN/],
    [{ ...good, warmupSteps: 1.5 }, 'warmupSteps: expected an integer >= 0, got 1.5'],
    [{ ...good, warmup: 'slow' as 'fromZero' }, 'warmup: expected one of fromFirst, fromZero, got "slow"'],
  ])('%o', (options, message) => {
    expect(() => cosineSchedule(options)).toThrow(message);
  });
});
