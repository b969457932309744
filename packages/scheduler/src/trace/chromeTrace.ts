import { ArgumentError } from '@scmoe/errors';

import type { Span } from '../predict/simulatePlan.js';
import { ranksOf, type Trace } from './Trace.js';

const tracks = ['compute', 'communication'] as const;

/**
 * A trace as JSON that Perfetto (ui.perfetto.dev) and chrome://tracing open: a process for each rank, in it a thread for
 * each of its two tracks. Times are in microseconds there.
 */
export function writeChromeTrace(trace: Trace): string {
  const names = ranksOf(trace).flatMap((rank) => [
    { ph: 'M', name: 'process_name', pid: rank, tid: 0, args: { name: `rank ${rank}` } },
    { ph: 'M', name: 'process_sort_index', pid: rank, tid: 0, args: { sort_index: rank } },
    ...tracks.map((track, tid) => ({ ph: 'M', name: 'thread_name', pid: rank, tid, args: { name: track } })),
  ]);
  const operators = trace.spans.map(({ rank, track, operator, startMs, endMs }) => ({
    ph: 'X',
    name: operator,
    cat: track,
    pid: rank,
    tid: tracks.indexOf(track),
    ts: startMs * 1000,
    dur: (endMs - startMs) * 1000,
  }));
  return JSON.stringify({
    displayTimeUnit: 'ms',
    otherData: { title: trace.title },
    traceEvents: [...names, ...operators],
  });
}

interface Event {
  readonly ph?: unknown;
  readonly name?: unknown;
  readonly cat?: unknown;
  readonly pid?: unknown;
  readonly ts?: unknown;
  readonly dur?: unknown;
}

/**
 * Reads what `writeChromeTrace` wrote, and what others wrote with complete events (`ph: 'X'`) whose process is the rank;
 * events of a category other than communication count as computations.
 *
 * @throws ArgumentError where it is no trace, or one without complete events
 */
export function readChromeTrace(text: string): Trace {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new ArgumentError(`not a trace: ${(error as Error).message}`);
  }
  const { traceEvents, otherData } = (
    Array.isArray(content) ? { traceEvents: content as unknown } : (content ?? {})
  ) as {
    traceEvents?: unknown;
    otherData?: { title?: unknown };
  };
  if (!Array.isArray(traceEvents)) throw new ArgumentError('not a trace: it has no traceEvents');
  const complete = (traceEvents as unknown[]).filter((event) => (event as Event | null)?.ph === 'X') as Event[];
  if (complete.length === 0) throw new ArgumentError("not a trace of operators: it has no complete events (ph: 'X')");
  return {
    title: typeof otherData?.title === 'string' ? otherData.title : '',
    spans: complete.map(readSpan),
  };
}

function readSpan(event: Event): Span {
  const { name, cat, pid, ts, dur } = event;
  const finite = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
  if (typeof name !== 'string' || !Number.isSafeInteger(pid) || !finite(ts) || !finite(dur) || dur < 0) {
    throw new ArgumentError(
      `trace event: expected a name, a whole pid, ts and a dur of zero or more, got ${JSON.stringify(event)}`,
    );
  }
  return {
    rank: pid as number,
    track: cat === 'communication' ? 'communication' : 'compute',
    operator: name,
    startMs: ts / 1000,
    endMs: (ts + dur) / 1000,
  };
}
