import { ArgumentError } from '@scmoe/errors';

import type { Span } from '../predict/simulatePlan.js';
import type { Trace } from './Trace.js';

/** Whose spans are recorded, and by which clock. */
export interface TraceRecorderOptions {
  readonly rank?: number;
  /** Milliseconds by a clock that never goes back. Default performance.now. */
  readonly now?: () => number;
}

/** Notes when the operators of one rank begin and end. */
export class TraceRecorder {
  private readonly rank: number;
  private readonly now: () => number;
  private readonly recorded: Span[] = [];

  constructor({ rank = 0, now = () => performance.now() }: TraceRecorderOptions = {}) {
    this.rank = rank;
    this.now = now;
  }

  /** Begins a span; what it returns ends it. */
  begin(track: Span['track'], operator: string): () => void {
    const startMs = this.now();
    let ended = false;
    return () => {
      if (ended) throw new ArgumentError(`trace: '${operator}' ended twice`);
      ended = true;
      this.recorded.push({ rank: this.rank, track, operator, startMs, endMs: this.now() });
    };
  }

  /** Runs a computation and notes its time, also where it throws. */
  time<Result>(operator: string, compute: () => Result): Result {
    const end = this.begin('compute', operator);
    try {
      return compute();
    } finally {
      end();
    }
  }

  /** What has ended since the last call. */
  take(title = ''): Trace {
    return { title, spans: this.recorded.splice(0) };
  }
}
