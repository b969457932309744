import { stageGraph } from '../graph/stageGraphs.js';
import { mirrorPlan } from '../plan/mirrorPlan.js';
import { overlappedPlan } from '../plan/overlappedPlan.js';
import { sequentialPlan } from '../plan/sequentialPlan.js';
import { fillGaps } from './fillGaps.js';
import { networkGaps } from './networkGaps.js';

const graph = stageGraph('pos2');
const costs = Object.fromEntries(graph.names.map((name, i) => [name, i + 1]));
const sum = (names: string[]) => names.reduce((total, name) => total + costs[name]!, 0);

describe('networkGaps', () => {
  it('are, of a sequential backward pass, what is computed behind each wait up to the next exchange', () => {
    const names = [...graph.names].reverse();
    const [combine, dispatch] = ['combine', 'dispatch'].map((name) => names.indexOf(name)) as [number, number];
    expect(networkGaps(mirrorPlan(sequentialPlan(graph.operators)), costs)).toEqual([
      { operator: 'combine', ms: sum(names.slice(combine + 1, dispatch)) },
      { operator: 'dispatch', ms: sum([...names.slice(dispatch + 1), ...names.slice(0, combine)]) },
    ]);
  });

  it('are none between parts of which one is under way', () => {
    const plan = mirrorPlan(overlappedPlan(graph, { slot: 1, expertChunks: 2 }));
    const parts = Object.fromEntries(
      ['dispatch', 'expert', 'combine'].flatMap((name) => [0, 1].map((i) => [`${name}#${i}`, costs[name]! / 2])),
    );
    const operators = networkGaps(plan, { ...costs, ...parts }).map(({ operator }) => operator);
    // Combines are waited for while the next one, or the first dispatch, travels, but for what the experts leave.
    expect(operators.at(-1)).toBe('dispatch#0');
    expect(operators).not.toContain('combine#1');
  });
});

describe('fillGaps', () => {
  const gap = (ms: number) => [{ operator: 'combine', ms }];
  const call = { alphaMs: 0, msPerByte: 1 };

  it('fills the gaps of the stages behind, and leaves what does not fit', () => {
    const { parts, exposedMs, tailMs, partBytes } = fillGaps([gap(100), gap(50), gap(200)], {
      bytes: [40, 40, 40],
      call,
    });
    expect(tailMs).toBe(120);
    // 45 of 50 for the 40 of the last stage, 90 of 100 for the 40 of the next; those of the first are the end.
    expect(exposedMs).toBe(40);
    expect(parts.map(({ combine = 0 }) => combine * partBytes)).toEqual([40, 40, 0]);
  });

  it('cuts finer where gaps are short, and not at all where a call costs too much', () => {
    const bytes = [64, 64, 64];
    const fine = fillGaps([gap(20), gap(20), gap(20)], { bytes, call });
    expect(fine.partBytes).toBeLessThanOrEqual(18);
    expect(fine.parts[1]!['combine']! * fine.partBytes).toBeLessThanOrEqual(18);
    const slow = fillGaps([gap(20), gap(20), gap(20)], { bytes, call: { alphaMs: 30, msPerByte: 1 } });
    expect(slow.parts).toEqual([{}, {}, {}]);
    expect(slow.exposedMs).toBe(slow.tailMs);
    expect(fillGaps([], { bytes: [], call })).toMatchObject({ exposedMs: 0, tailMs: 0 });
  });
});
