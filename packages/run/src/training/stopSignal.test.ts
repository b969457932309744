import { jest } from '@jest/globals';

import { stopSignal } from './stopSignal.js';

const dayMs = 86_400_000;

it.each([1 / 60_000, 60, 40 * 1440])('a run of %p minutes stops after them and not before', (minutes) => {
  jest.useFakeTimers();
  const stop = stopSignal();
  try {
    stop.listen({ minutes, onSignal: () => undefined });
    jest.advanceTimersByTime(minutes * 60_000 - 1);
    expect(stop.reason()).toBeUndefined();
    jest.advanceTimersByTime(1);
    expect(stop.reason()).toBe('time');
  } finally {
    stop.dispose();
    jest.useRealTimers();
  }
});

it.each([1e9, 1e308])('a run of %p minutes goes on', (minutes) => {
  jest.useFakeTimers();
  const stop = stopSignal();
  try {
    stop.listen({ minutes, onSignal: () => undefined });
    jest.advanceTimersByTime(100 * dayMs);
    expect(stop.reason()).toBeUndefined();
  } finally {
    stop.dispose();
    jest.useRealTimers();
  }
});
