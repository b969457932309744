export interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

/** When `workMs` of computing that begins at `startMs` ends, if each of `slow` makes it slower by `interference`. */
export function slowedEnd(startMs: number, workMs: number, slow: readonly Interval[], interference: number): number {
  if (interference === 0) return startMs + workMs;
  let now = startMs;
  let left = workMs;
  // The channel carries one exchange at a time, in order: the intervals are sorted and apart.
  for (const { startMs: from, endMs: to } of slow) {
    if (to <= now) continue;
    const free = Math.max(0, from - now);
    if (left <= free) break;
    left -= free;
    now += free;
    const done = (to - now) / (1 + interference);
    if (left <= done) return now + left * (1 + interference);
    left -= done;
    now = to;
  }
  return now + left;
}
