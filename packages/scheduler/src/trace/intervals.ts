import type { Interval } from '../predict/slowedEnd.js';

/** The same time in intervals that are sorted and apart. */
export function union(intervals: readonly Interval[]): readonly Interval[] {
  const merged: { startMs: number; endMs: number }[] = [];
  for (const { startMs, endMs } of [...intervals].sort((a, b) => a.startMs - b.startMs)) {
    const last = merged.at(-1);
    if (last && startMs <= last.endMs) last.endMs = Math.max(last.endMs, endMs);
    else if (endMs > startMs) merged.push({ startMs, endMs });
  }
  return merged;
}

/** What of `intervals` lies in none of `others`. Both are unions. */
export function without(intervals: readonly Interval[], others: readonly Interval[]): readonly Interval[] {
  // Both are sorted: what ends before an interval begins is over for those that follow, too.
  let first = 0;
  return intervals.flatMap(({ startMs, endMs }) => {
    const left: Interval[] = [];
    let from = startMs;
    while (first < others.length && others[first]!.endMs <= startMs) first++;
    for (let i = first; i < others.length && others[i]!.startMs < endMs; i++) {
      const other = others[i]!;
      if (other.startMs > from) left.push({ startMs: from, endMs: other.startMs });
      from = Math.max(from, other.endMs);
    }
    if (from < endMs) left.push({ startMs: from, endMs });
    return left;
  });
}

/** The sum of the intervals' lengths, in ms. */
export function lengthOf(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
}
