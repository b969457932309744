import { stageGraph } from '../graph/stageGraphs.js';
import { overlappedPlan } from '../plan/overlappedPlan.js';
import { sequentialPlan } from '../plan/sequentialPlan.js';
import { simulatePlan } from '../predict/simulatePlan.js';
import { costsOf } from '../testing/randomCosts.js';
import { drawTimeline } from './drawTimeline.js';
import { renderPng } from './renderPng.js';

const graph = stageGraph('pos2');
const costs = costsOf(graph, { dispatch: 3, combine: 3 });
const sequential = { title: 'one & two', spans: simulatePlan(sequentialPlan(graph.operators), costs).spans };
const overlapped = { title: 'slot 1', spans: simulatePlan(overlappedPlan(graph, { slot: 1 }), costs).spans };

const textOf = (svg: string) => svg.replace(/<[^>]*>/g, ' ');
/** Width and left edge of the box of an operator, by its tooltip. */
function box(svg: string, operator: string) {
  const [, x, width] = new RegExp(`<rect x="([\\d.]+)" y="[\\d.]+" width="([\\d.]+)"[^>]*><title>${operator}:`).exec(
    svg,
  )!;
  return { x: Number(x), width: Number(width) };
}

describe('drawTimeline', () => {
  it('says the step time, the hidden share and what is exposed', () => {
    expect(textOf(drawTimeline(sequential))).toContain('step 15 ms · 0% of communication hidden · exposed 6 ms');
    expect(textOf(drawTimeline(overlapped))).toContain('step 12 ms · 50% of communication hidden · exposed 3 ms');
    expect(textOf(drawTimeline(sequential)).match(/exposed 3 ms/g)).not.toBeNull();
  });

  it('draws lengths to scale, the same for all traces in a picture', () => {
    const svg = drawTimeline([sequential, overlapped]);
    expect(box(svg, 'dispatch').width / box(svg, 'mlp1').width).toBeCloseTo(3, 2);
    const alone = drawTimeline(overlapped);
    expect(box(alone, 'mlp1').width).toBeGreaterThan(box(svg, 'mlp1').width);
  });

  it('puts what runs at the same time above each other', () => {
    const svg = drawTimeline(overlapped);
    expect(box(svg, 'mlp1').x).toBe(box(svg, 'dispatch').x);
  });

  it('paints operators of whole models, chunks and gradients as what they are', () => {
    const fill = (operator: string) => {
      const spans = [{ rank: 0, track: 'compute' as const, operator, startMs: 0, endMs: 1 }];
      return new RegExp(`fill="(#\\w+)"[^>]*><title>${operator}:`).exec(drawTimeline({ title: '', spans }))![1];
    };
    for (const name of ['2 expert', "2 expert'", "0 expert#1'", 'expert#3']) expect(fill(name)).toBe(fill('expert'));
    expect(fill("11 attention2'")).toBe(fill('attention'));
    expect(fill('0 dispatch start')).not.toBe(fill('dispatch'));
  });

  it('marks no exposed time that is too short to be seen', () => {
    const marks = (exposedMs: number) => {
      const costs = costsOf(graph, { mlp1: 100, dispatch: 100 + exposedMs, combine: 0 });
      const { spans } = simulatePlan(overlappedPlan(graph, { slot: 1 }), costs);
      // One is the legend's.
      return drawTimeline({ title: '', spans }).match(/<rect [^>]*url\(#hatch\)/g)!.length - 1;
    };
    expect([marks(0.05), marks(5)]).toEqual([0, 1]);
  });

  it('writes titles as text, whatever is in them', () => {
    expect(drawTimeline(sequential)).toContain('one &amp; two');
  });

  it('leaves out ranks beyond the limit and says so', () => {
    const many = simulatePlan(
      overlappedPlan(graph, { slot: 1 }),
      Array.from({ length: 5 }, () => costs),
    );
    const svg = textOf(drawTimeline({ title: '', spans: many.spans }, { maxRanks: 2 }));
    expect(svg).toContain('3 of 5 ranks not shown');
    expect(svg).toContain('rank 1');
    expect(svg).not.toContain('rank 2');
  });

  it('does not depend on when a trace begins, nor break where nothing takes time', () => {
    const later = sequential.spans.map((span) => ({ ...span, startMs: span.startMs + 1e6, endMs: span.endMs + 1e6 }));
    expect(drawTimeline({ ...sequential, spans: later })).toBe(drawTimeline(sequential));
    const still = sequential.spans.map((span) => ({ ...span, startMs: 0, endMs: 0 }));
    expect(drawTimeline({ title: '', spans: still })).not.toContain('NaN');
  });

  it('rejects traces of nothing', () => {
    expect(() => drawTimeline([])).toThrow(/expected at least one trace, got none/);
    expect(() => drawTimeline([sequential, { title: '', spans: [] }])).toThrow(/trace 2 has no operators/);
    expect(() => drawTimeline(sequential, { width: 10 })).toThrow(/width in pixels: .* at least 800, got 10/);
  });
});

describe('renderPng', () => {
  it('gives a PNG of the size asked for', async () => {
    const png = Buffer.from(await renderPng(drawTimeline(sequential, { width: 800 }), { zoom: 1.5 }));
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.readUInt32BE(16)).toBe(1200);
  });
});
