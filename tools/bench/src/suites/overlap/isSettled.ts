import { median } from '../../statistics.js';
import type { Steps } from './Steps.js';

/** How wide the interval of a median may be, as a share of it. */
const goal = 0.03;

/** Whether there is nothing to gain by more rounds: every step's median is known to 3 %. */
export function isSettled(steps: Steps): boolean {
  return [...steps.values()].every((seconds) => medianInterval(seconds) < goal);
}

/**
 * Width of the interval that has the true median in it in 95 of 100 cases, whatever the distribution, as a share of the median:
 * between two of the sorted values. Of fewer than six, no two of which are that certain, all of them.
 */
export function medianInterval(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const cut = Math.max(0, Math.floor((sorted.length - 1.96 * Math.sqrt(sorted.length)) / 2));
  return (sorted.at(-1 - cut)! - sorted[cut]!) / median(sorted);
}
