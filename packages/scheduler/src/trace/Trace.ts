import type { Span } from '../predict/simulatePlan.js';

/** What ranks did in a step, measured or predicted: operators on each rank's two tracks, on one clock. */
export interface Trace {
  readonly title: string;
  readonly spans: readonly Span[];
}

/** Numbers of the ranks in a trace, ascending. */
export function ranksOf({ spans }: Trace): readonly number[] {
  return [...new Set(spans.map(({ rank }) => rank))].sort((a, b) => a - b);
}
