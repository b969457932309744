/** Validation loss at one time of a run. */
export interface CurvePoint {
  /** Training time until then, without evaluations. */
  seconds: number;
  step: number;
  /** Nats per token. */
  loss: number;
}

/** What one contender made of its time, as the results file keeps it. */
export interface SecondsRun {
  variant: string;
  seed: number;
  /** The time that it was given. */
  seconds: number;
  /** What all runs of a comparison have alike: sizes, threads, precision. */
  setup: string;
  numParameters: number;
  numActiveParameters: number;
  curve: CurvePoint[];
}

/** Times of a run at which its validation loss is taken, in shares of the whole. */
export const numPoints = 16;

/** What a step of each contender counts for, in seconds, as the results file keeps it. */
export interface SecondsPaces {
  setup: string;
  paces: Record<string, number>;
}

export function isPaces(line: SecondsRun | SecondsPaces): line is SecondsPaces {
  return 'paces' in line;
}
