import { ArgumentError, valueText } from '@scmoe/errors';

import type { Span } from '../predict/simulatePlan.js';
import { lanesOf, type LaneSpan } from './lanes.js';
import { spansByRank, type Trace } from './Trace.js';

const tracks = ['compute', 'communication'] as const;

/**
 * A trace as JSON that Perfetto (ui.perfetto.dev) and chrome://tracing open: a process for each rank, in it a thread for
 * each of its two tracks, and more where spans of one track overlap. Times are in microseconds there.
 *
 * What Perfetto asks for: numbers of threads from 1, each once in a file; begin and end in whole nanoseconds, none before 0
 * (a trace that begins earlier is moved to 0); no overlap on a thread. What is otherwise is drawn elsewhere, or dropped.
 *
 * @throws ArgumentError for a span without a rank, or that begins or ends at no moment
 */
export function writeChromeTrace(trace: Trace): string {
  const startMs = Math.min(0, earliest(trace));
  const numbered = trace.spans.map((span, index) => ({ ...span, index }));
  const events: object[] = new Array<object>(numbered.length);
  const names: object[] = [];
  let threads = 0;
  for (const [rank, spans] of spansByRank(numbered)) {
    names.push({ ph: 'M', name: 'process_name', pid: rank, args: { name: `rank ${rank}` } });
    names.push({ ph: 'M', name: 'process_sort_index', pid: rank, args: { sort_index: rank } });
    for (const track of tracks) {
      const placed = lanesOf(
        spans.filter((span) => span.track === track),
        startMs,
      );
      const lanes = placed.reduce((most, { lane }) => Math.max(most, lane + 1), 1);
      const firstTid = 1 + threads;
      threads += lanes;
      for (let lane = 0; lane < lanes; lane++) names.push(threadName(rank, track, lane, firstTid));
      for (const each of placed) events[each.span.index] = completeEvent(each, firstTid);
    }
  }
  const otherData = { title: trace.title };
  return JSON.stringify({ displayTimeUnit: 'ms', otherData, traceEvents: [...names, ...events] });
}

function earliest({ spans }: Trace): number {
  return spans.reduce((least, { startMs }) => Math.min(least, startMs), Infinity);
}

function threadName(pid: number, track: string, lane: number, firstTid: number): object {
  const name = lane === 0 ? track : `${track} ${lane + 1}`;
  return { ph: 'M', name: 'thread_name', pid, tid: firstTid + lane, args: { name } };
}

function completeEvent({ span, startNs, endNs, lane }: LaneSpan<Span>, firstTid: number): object {
  const { operator: name, track: cat, rank: pid } = span;
  return { ph: 'X', name, cat, pid, tid: firstTid + lane, ts: startNs / 1000, dur: (endNs - startNs) / 1000 };
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
      `trace event: expected a name, a whole pid, ts and a dur of zero or more, got ${valueText(event)}`,
    );
  }
  if (!finite(ts + dur))
    throw new ArgumentError(`trace event: expected an end that is finite, got ${valueText(event)}`);
  return {
    rank: pid as number,
    track: cat === 'communication' ? 'communication' : 'compute',
    operator: name,
    startMs: ts / 1000,
    endMs: (ts + dur) / 1000,
  };
}
