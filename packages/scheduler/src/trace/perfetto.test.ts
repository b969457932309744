import type { Span } from '../predict/simulatePlan.js';
import { seededRandom } from '../testing/randomCosts.js';
import { readChromeTrace, writeChromeTrace } from './chromeTrace.js';

interface Event {
  ph: string;
  name: string;
  pid: number;
  tid: number;
  ts: number;
  dur: number;
  args: { name: string };
}

function eventsOf(spans: readonly Span[]): Event[] {
  return (JSON.parse(writeChromeTrace({ title: '', spans })) as { traceEvents: Event[] }).traceEvents;
}

const span = (track: Span['track'], startMs: number, endMs: number, rank = 0): Span => {
  return { rank, track, operator: track === 'compute' ? 'mlp1' : 'dispatch', startMs, endMs };
};

/** Begin and end of each thread's slices as Perfetto makes nanoseconds of them, in the order of their begin. */
function slicesOf(events: readonly Event[]): Map<number, [number, number][]> {
  const threads = new Map<number, [number, number][]>();
  for (const { ph, tid, ts, dur } of events) {
    if (ph !== 'X') continue;
    const startNs = Math.round(ts * 1000);
    if (!threads.has(tid)) threads.set(tid, []);
    threads.get(tid)!.push([startNs, startNs + Math.round(dur * 1000)]);
  }
  for (const slices of threads.values()) slices.sort(([a, a2], [b, b2]) => a - b || a2 - b2);
  return threads;
}

/** Slices that end after the next one has begun. */
function overlapsOf(slices: readonly [number, number][]): [number, number][] {
  return slices.filter(([, endNs], i) => (slices[i + 1]?.[0] ?? endNs) < endNs);
}

// The rules are those of the trace processor of Perfetto v52, which drops what breaks them.
describe('a trace for Perfetto', () => {
  it('numbers threads from 1, each once in the file, whatever the ranks are', () => {
    const spans = [0, 1, 2, 7].flatMap((rank) => [span('compute', 0, 5, rank), span('communication', 2, 9, rank)]);
    const threads = eventsOf(spans).filter(({ name }) => name === 'thread_name');
    expect(threads.map(({ tid }) => tid)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(threads.map(({ pid, args }) => `${pid} ${args.name}`)).toEqual(
      [0, 1, 2, 7].flatMap((rank) => [`${rank} compute`, `${rank} communication`]),
    );
  });

  it('keeps spans apart that touch at no whole nanosecond, at any time of day', () => {
    const random = seededRandom(1);
    for (const beginMs of [0, 3.6e6, 1e9]) {
      let atMs = beginMs;
      const spans = Array.from({ length: 2000 }, () => {
        const startMs = atMs;
        atMs += random();
        return span('compute', startMs, atMs);
      });
      const [slices, ...others] = slicesOf(eventsOf(spans)).values();
      expect(others).toEqual([]);
      expect(overlapsOf(slices!)).toEqual([]);
      const moved = slices!.filter(([startNs], i) => Math.abs(startNs - spans[i]!.startMs * 1e6) > 1);
      expect(moved).toEqual([]);
    }
  });

  it('gives exchanges that overlap threads of their own, as few as they need', () => {
    const spans = [
      span('communication', 0, 10),
      span('communication', 2, 4),
      span('communication', 3, 12),
      span('communication', 4, 5),
      span('communication', 10, 11),
      span('compute', 0, 20),
    ];
    const events = eventsOf(spans);
    const names = new Map(events.filter(({ name }) => name === 'thread_name').map(({ tid, args }) => [tid, args.name]));
    const drawn = events.filter(({ ph }) => ph === 'X').map(({ tid, ts }) => `${names.get(tid)}: ${ts / 1000}`);
    expect(drawn.sort()).toEqual([
      'communication 2: 2',
      'communication 2: 4',
      'communication 3: 3',
      'communication: 0',
      'communication: 10',
      'compute: 0',
    ]);
    expect(readChromeTrace(writeChromeTrace({ title: '', spans })).spans).toHaveLength(spans.length);
  });

  it('overlaps nowhere, whatever overlaps', () => {
    const random = seededRandom(2);
    const spans = Array.from({ length: 3000 }, () => {
      const startMs = 100 * random();
      return span(
        random() < 0.5 ? 'compute' : 'communication',
        startMs,
        startMs + 3 * random() ** 4,
        random() < 0.5 ? 0 : 1,
      );
    });
    const threads = slicesOf(eventsOf(spans));
    expect([...threads.values()].flat()).toHaveLength(spans.length);
    expect([...threads.values()].flatMap(overlapsOf)).toEqual([]);
  });

  it('begins at 0 where it would begin before', () => {
    const slices = slicesOf(eventsOf([span('compute', -5, -3), span('compute', -3, 2)]));
    expect([...slices.values()]).toEqual([
      [
        [0, 2e6],
        [2e6, 7e6],
      ],
    ]);
  });

  it.each([
    [{ ...span('compute', 0, NaN) }, /span of 'mlp1': expected a begin and a later end in ms, got 0 and NaN/],
    [{ ...span('compute', 0, Infinity) }, /got 0 and Infinity/],
    [{ ...span('compute', 2, 1) }, /got 2 and 1/],
    [{ ...span('compute', 0, 1, 0.5) }, /rank of 'mlp1': expected an integer >= 0, got 0.5/],
  ])('is not written of %j', (wrong, message) => {
    expect(() => writeChromeTrace({ title: '', spans: [wrong] })).toThrow(message);
  });
});
