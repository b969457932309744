import { stageGraph } from '../graph/stageGraphs.js';
import { overlappedPlan } from '../plan/overlappedPlan.js';
import { simulatePlan, type Span } from '../predict/simulatePlan.js';
import { costsOf } from '../testing/randomCosts.js';
import { readChromeTrace, writeChromeTrace } from './chromeTrace.js';
import { alignTraces, estimateClockOffset } from './clockOffset.js';
import { summarizeTrace } from './summarizeTrace.js';
import type { Trace } from './Trace.js';

const graph = stageGraph('pos2');
const costs = costsOf(graph, { dispatch: 3, combine: 1 });
const { spans } = simulatePlan(overlappedPlan(graph, { slot: 1 }), [costs, costs]);
const trace: Trace = { title: 'two ranks', spans };

const span = (track: Span['track'], startMs: number, endMs: number, rank = 0): Span => {
  return { rank, track, operator: track === 'compute' ? 'mlp1' : 'dispatch', startMs, endMs };
};

describe('a trace as Chrome JSON', () => {
  it('comes back as it was written', () => {
    const back = readChromeTrace(writeChromeTrace(trace));
    expect(back.title).toBe('two ranks');
    expect(back.spans).toHaveLength(spans.length);
    back.spans.forEach((read, i) => {
      expect(read).toMatchObject({ rank: spans[i]!.rank, track: spans[i]!.track, operator: spans[i]!.operator });
      expect(read.startMs).toBeCloseTo(spans[i]!.startMs, 9);
      expect(read.endMs).toBeCloseTo(spans[i]!.endMs, 9);
    });
  });

  it('has a process for each rank and in it two named threads, in microseconds', () => {
    const { traceEvents } = JSON.parse(writeChromeTrace(trace)) as { traceEvents: Record<string, unknown>[] };
    const names = traceEvents.filter(({ name }) => name === 'thread_name');
    expect(names.map(({ pid, tid, args }) => [pid, tid, (args as { name: string }).name])).toEqual([
      [0, 1, 'compute'],
      [0, 2, 'communication'],
      [1, 3, 'compute'],
      [1, 4, 'communication'],
    ]);
    expect(traceEvents.find(({ name }) => name === 'dispatch')).toMatchObject({ ph: 'X', tid: 2, ts: 3000, dur: 3000 });
  });

  it('may be a bare list with other events in it', () => {
    const events = [
      { ph: 'C', name: 'memory', pid: 0, ts: 1 },
      null,
      { ph: 'X', name: 'matMul', pid: 2, tid: 7, ts: 1500, dur: 500 },
    ];
    expect(readChromeTrace(JSON.stringify(events)).spans).toEqual([
      { rank: 2, track: 'compute', operator: 'matMul', startMs: 1.5, endMs: 2 },
    ]);
  });

  it.each([
    ['{', /not a trace: /],
    ['{}', /it has no traceEvents/],
    ['[]', /it has no complete events/],
    ['[{"ph":"X","name":"mlp1","pid":0,"ts":1,"dur":-1}]', /a dur of zero or more, got \{"ph":"X"/],
    ['[{"ph":"X","name":"mlp1","pid":"a","ts":1,"dur":1}]', /expected a name, a whole pid/],
    ['[{"ph":"X","name":"mlp1","pid":0,"ts":1}]', /a dur of zero or more/],
    ['[{"ph":"X","name":"mlp1","pid":0,"ts":null,"dur":1}]', /a dur of zero or more/],
    ['[{"ph":"X","name":"mlp1","pid":0,"ts":1.7e308,"dur":1.7e308}]', /expected an end that is finite/],
    ['null', /it has no traceEvents/],
    ['{"traceEvents":{"length":9}}', /it has no traceEvents/],
  ])('rejects %s', (text, message) => {
    expect(() => readChromeTrace(text)).toThrow(message);
  });
});

describe('summarizeTrace', () => {
  it('finds the communication beside which nothing is computed', () => {
    const summary = summarizeTrace({
      title: '',
      spans: [span('communication', 1, 5), span('compute', 0, 2), span('compute', 3, 4), span('communication', 4.5, 6)],
    });
    expect(summary).toMatchObject({ stepMs: 6, exposedMs: 3 });
    expect(summary.ranks[0]!.exposed).toEqual([
      { startMs: 2, endMs: 3 },
      { startMs: 4, endMs: 6 },
    ]);
    expect(summary.hiddenShare).toBeCloseTo(1 - 3 / 5, 12);
  });

  it('gives the exposed time of the simulator', () => {
    expect(summarizeTrace(trace).exposedMs).toBeCloseTo(
      simulatePlan(overlappedPlan(graph, { slot: 1 }), costs).exposedMs,
      12,
    );
  });

  it('of nothing is nothing', () => {
    expect(summarizeTrace({ title: '', spans: [] })).toMatchObject({ stepMs: 0, exposedMs: 0, hiddenShare: 1 });
    const computed = summarizeTrace({ title: '', spans: [span('compute', 2, 3)] });
    expect(computed).toMatchObject({ stepMs: 1, hiddenShare: 1 });
  });
});

describe('clocks of several ranks', () => {
  // The other clock is 100 ms ahead; the second message was held up by 8 ms on its way back.
  const quick = { sentMs: 10, remoteReceivedMs: 111, remoteSentMs: 115, receivedMs: 16 };
  const heldUp = { sentMs: 20, remoteReceivedMs: 121, remoteSentMs: 121, receivedMs: 30 };

  it('are compared by the quickest ping', () => {
    expect(estimateClockOffset([heldUp, quick])).toEqual({ offsetMs: 100, errorMs: 1 });
    const { offsetMs, errorMs } = estimateClockOffset([heldUp]);
    expect(Math.abs(offsetMs - 100)).toBeLessThanOrEqual(errorMs);
    expect(() => estimateClockOffset([])).toThrow(/expected at least one ping, got none/);
    expect(() => estimateClockOffset([{ ...quick, receivedMs: 9 }])).toThrow(/a ping that was -5 ms on the way/);
  });

  it('are brought to one', () => {
    const traces = [
      { title: 'step', spans: [span('communication', 1, 2)] },
      { title: 'step', spans: [span('communication', 101, 102, 1)] },
    ];
    expect(alignTraces(traces, [0, 100]).spans.map(({ startMs }) => startMs)).toEqual([1, 1]);
    expect(() => alignTraces(traces, [0])).toThrow(/there is none for rank 1/);
  });
});
