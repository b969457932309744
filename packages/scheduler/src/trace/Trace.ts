import type { Span } from '../predict/simulatePlan.js';

/** What ranks did in a step, measured or predicted: operators on each rank's two tracks, on one clock. */
export interface Trace {
  readonly title: string;
  readonly spans: readonly Span[];
}

/** The spans of each rank in their order, by the number of the rank, ascending. */
export function spansByRank<Each extends Span>(
  spans: readonly Each[],
): readonly (readonly [number, readonly Each[]])[] {
  const byRank = new Map<number, Each[]>();
  for (const span of spans) {
    const own = byRank.get(span.rank);
    if (own) own.push(span);
    else byRank.set(span.rank, [span]);
  }
  return [...byRank].sort(([a], [b]) => a - b);
}
