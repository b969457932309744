import { SchedulerError } from './SchedulerError.js';

export function expectCount(what: string, value: number, minimum: number): void {
  if (!Number.isSafeInteger(value) || value < minimum) {
    throw new SchedulerError(`${what}: expected a whole number of at least ${minimum}, got ${value}`);
  }
}

export function expectTime(what: string, value: number): void {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw new SchedulerError(`${what}: expected a time of zero or more, finite, got ${value}`);
  }
}

export function expectPositive(what: string, value: number): void {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw new SchedulerError(`${what}: expected a number above zero, finite, got ${value}`);
  }
}

export function expectBetween(what: string, value: number, low: number, high: number): void {
  if (typeof value !== 'number' || !(value >= low && value <= high)) {
    throw new SchedulerError(`${what}: expected a number from ${low} to ${high}, got ${value}`);
  }
}
