/** What is known of the failures of a run. */
export interface Failures {
  /** Failures one after another without progress between them. */
  inVain: number;
  /** How far the run has come, as its ranks say; undefined where they say nothing. */
  progress: number | undefined;
}

/** Counts a failure after which the ranks say that the run has come so far. */
export function countFailure({ inVain, progress }: Failures, reached: number | undefined): Failures {
  if (reached !== undefined && reached > (progress ?? -Infinity)) return { inVain: 0, progress: reached };
  return { inVain: inVain + 1, progress };
}
