import type { Span } from '../predict/simulatePlan.js';
import { readChromeTrace, writeChromeTrace } from './chromeTrace.js';
import { drawTimeline } from './drawTimeline.js';
import { renderPng } from './renderPng.js';
import { summarizeTrace } from './summarizeTrace.js';

const event = (name: string, more: object = {}) => ({ ph: 'X', name, pid: 0, ts: 0, dur: 1000, ...more });
const read = (...events: unknown[]) => readChromeTrace(JSON.stringify({ traceEvents: events }));

// Files of somebody else: names that mean something to JavaScript, to terminals or to XML, and any number of anything.
describe('a trace of a stranger', () => {
  it.each(['constructor', '__proto__', 'toString', '0 hasOwnProperty#3', ''])(
    "draws an operator called '%s'",
    (name) => {
      const svg = drawTimeline(read(event(name)));
      expect(svg).toMatch(/fill="#d8d3c8"[^>]*><title>/);
      expect(svg).not.toMatch(/undefined|NaN|\[object/);
    },
  );

  it('draws names and titles that XML can not hold', async () => {
    const svg = drawTimeline({ ...read(event('\u0000\u001b[31m\ud800 \u{1f600} <&">')), title: '\u0007bell' });
    expect(svg).toContain('<title>\ufffd\ufffd[31m\ufffd \u{1f600} &lt;&amp;&quot;&gt;: 1 ms</title>');
    expect(svg).toContain('\ufffdbell');
    await expect(renderPng(svg)).resolves.toBeDefined();
  });

  it('may have entries of any kind that are no events, and times that are hardly any', () => {
    const trace = read(null, 7, 'X', [], [event('a')], { ph: 'B', name: 'b' }, event('a', { dur: 5e-324 }));
    expect(trace.spans).toHaveLength(1);
    expect(drawTimeline(trace)).not.toContain('NaN');
    expect(() => drawTimeline(read(event('a', { dur: 1e300 })))).toThrow(/timeline: expected operators within 1e15 ms/);
  });

  it('does not flood a message with an event', () => {
    expect(() => read(event('x'.repeat(1e6), { dur: -1 }))).toThrow(/^trace event: .{1,400}$/s);
  });

  // Time in the number of ranks squared, or an argument of a function for each, would not come to an end.
  it('may have 200,000 ranks', () => {
    const spans = Array.from({ length: 200_000 }, (_, rank): Span => {
      return { rank, track: 'communication', operator: 'dispatch', startMs: 1, endMs: 3 };
    });
    const trace = { title: 'many', spans };
    expect(summarizeTrace(trace)).toMatchObject({ stepMs: 2, exposedMs: 2, hiddenShare: 0 });
    expect(drawTimeline(trace)).toContain('199992 of 200000 ranks not shown');
    expect(readChromeTrace(writeChromeTrace(trace)).spans).toHaveLength(spans.length);
  });

  it('may have 50,000 exchanges at once, or one after the other beside computations', () => {
    const atOnce = Array.from({ length: 50_000 }, (_, i): Span => {
      return { rank: 0, track: 'communication', operator: 'dispatch', startMs: i / 1e6, endMs: 1e6 };
    });
    expect(readChromeTrace(writeChromeTrace({ title: '', spans: atOnce })).spans).toHaveLength(atOnce.length);
    const apart = atOnce.flatMap((each, i): Span[] => [
      { ...each, startMs: 4 * i, endMs: 4 * i + 2 },
      { ...each, track: 'compute', startMs: 4 * i + 1, endMs: 4 * i + 3 },
    ]);
    expect(summarizeTrace({ title: '', spans: apart }).exposedMs).toBe(50_000);
  });
});
