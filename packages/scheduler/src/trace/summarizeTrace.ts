import type { Span } from '../predict/simulatePlan.js';
import type { Interval } from '../predict/slowedEnd.js';
import { lengthOf, union, without } from './intervals.js';
import { spansByRank, type Trace } from './Trace.js';

/** What one rank did in a trace. */
export interface RankSummary {
  readonly rank: number;
  readonly computeMs: number;
  readonly communicationMs: number;
  /** Communication beside which nothing was computed. */
  readonly exposed: readonly Interval[];
  readonly exposedMs: number;
}

/** What a trace says in numbers. */
export interface TraceSummary {
  /** Time from the first operator of any rank to the last. */
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly ranks: readonly RankSummary[];
  /** Exposed communication on the rank where it is most. */
  readonly exposedMs: number;
  /**
   * 1 - exposed / communication over all ranks, as far as one trace shows it; 1 where nothing travelled. It is the hidden
   * fraction H if the same step run sequentially would expose all its communication.
   */
  readonly hiddenShare: number;
}

/** What a trace says in numbers: how long it computed, communicated, and stood still for that. */
export function summarizeTrace(trace: Trace): TraceSummary {
  const { spans } = trace;
  const startMs = spans.reduce((least, span) => Math.min(least, span.startMs), spans[0]?.startMs ?? 0);
  const endMs = spans.reduce((most, span) => Math.max(most, span.endMs), startMs);
  const ranks = spansByRank(spans).map(([rank, own]) => summarizeRank(rank, own));
  const sum = (value: (rank: RankSummary) => number) => ranks.reduce((total, rank) => total + value(rank), 0);
  const communicationMs = sum((rank) => rank.communicationMs);
  return {
    startMs,
    endMs,
    stepMs: endMs - startMs,
    ranks,
    exposedMs: ranks.reduce((most, { exposedMs }) => Math.max(most, exposedMs), 0),
    hiddenShare: communicationMs === 0 ? 1 : 1 - sum(({ exposedMs }) => exposedMs) / communicationMs,
  };
}

function summarizeRank(rank: number, spans: readonly Span[]): RankSummary {
  const compute = union(spans.filter(({ track }) => track === 'compute'));
  const communication = union(spans.filter(({ track }) => track === 'communication'));
  const exposed = without(communication, compute);
  return {
    rank,
    computeMs: lengthOf(compute),
    communicationMs: lengthOf(communication),
    exposed,
    exposedMs: lengthOf(exposed),
  };
}
