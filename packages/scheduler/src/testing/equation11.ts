import { splits, type WindowCosts } from '../predict/windowCosts.js';

/**
 * The paper's rule for the slot (equation 11): the one where each exchange lasts closest to what runs beside it,
 * min over K of |before K - dispatch| + |after K - combine|.
 *
 * It has the same minima as the time: max(a, b) = (a + b + |a - b|) / 2, and the sums don't depend on K. At a tie the
 * lowest slot.
 */
export function equation11Slot({ windowMs, dispatchMs, combineMs }: WindowCosts): number {
  const mismatch = splits(windowMs).map(
    ({ before, after }) => Math.abs(before - dispatchMs) + Math.abs(after - combineMs),
  );
  return mismatch.indexOf(Math.min(...mismatch));
}
