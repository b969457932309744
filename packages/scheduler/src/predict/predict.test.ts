import { stageGraph, stageKinds, type StageKind } from '../graph/stageGraphs.js';
import { lowerBoundMs } from '../metrics/overlapMetrics.js';
import { mirrorPlan } from '../plan/mirrorPlan.js';
import { overlappedPlan } from '../plan/overlappedPlan.js';
import { run, start, wait } from '../plan/Plan.js';
import { sequentialPlan } from '../plan/sequentialPlan.js';
import { costsOf, randomCosts, seededRandom } from '../testing/randomCosts.js';
import { equation11Slot } from '../testing/equation11.js';
import { simulatePlan } from './simulatePlan.js';
import { windowCosts } from './windowCosts.js';
import { slotTimes } from '../testing/slotTimes.js';

const numTrials = 300;

describe.each(stageKinds)('over random costs of %s', (kind: StageKind) => {
  const graph = stageGraph(kind);

  it('the simulator agrees with the closed formula, for every slot', () => {
    const random = seededRandom(1);
    for (let trial = 0; trial < numTrials; trial++) {
      const costs = randomCosts(graph, random);
      slotTimes(graph, costs).forEach((time, slot) =>
        // Sums in another order: float64 rounding.
        expect(simulatePlan(overlappedPlan(graph, { slot }), costs).stepMs).toBeCloseTo(time, 9),
      );
    }
  });

  it('equation 11 picks a slot that brute force finds to be the fastest', () => {
    const random = seededRandom(2);
    for (let trial = 0; trial < numTrials; trial++) {
      const costs = randomCosts(graph, random);
      const times = slotTimes(graph, costs);
      expect(times[equation11Slot(windowCosts(graph, costs))]).toBeCloseTo(Math.min(...times), 9);
    }
  });

  it('overlap is never slower than sequential and never faster than the bound', () => {
    const random = seededRandom(3);
    for (let trial = 0; trial < numTrials; trial++) {
      const costs = randomCosts(graph, random);
      const sequential = simulatePlan(sequentialPlan(graph.operators), costs).stepMs;
      const bound = lowerBoundMs(graph, costs);
      for (let slot = 0; slot < graph.numSlots; slot++) {
        const { stepMs } = simulatePlan(overlappedPlan(graph, { slot }), costs);
        expect(stepMs).toBeLessThanOrEqual(sequential + 1e-9);
        expect(stepMs).toBeGreaterThanOrEqual(bound - 1e-9);
      }
    }
  });

  it('a mirrored plan takes as long as the plan', () => {
    const random = seededRandom(4);
    for (let trial = 0; trial < numTrials; trial++) {
      const costs = randomCosts(graph, random);
      for (let slot = 0; slot < graph.numSlots; slot++) {
        const plan = overlappedPlan(graph, { slot });
        expect(simulatePlan(mirrorPlan(plan), costs).stepMs).toBeCloseTo(simulatePlan(plan, costs).stepMs, 9);
      }
    }
  });
});

describe('simulatePlan', () => {
  const graph = stageGraph('standard');

  it('gives the time of the formula of the paper for a case done by hand', () => {
    const pos2 = stageGraph('pos2');
    const costs = costsOf(pos2, { mlp1: 4, attention2: 3, sharedExpert: 4, dispatch: 5, combine: 6, expert: 2 });
    // attention1, gate, encode, decode, output: 1 each; before K = 1: max(4, 5), after: max(7, 6).
    expect(slotTimes(pos2, costs)).toEqual([5 + 5 + 2 + 11, 5 + 5 + 2 + 7, 5 + 7 + 2 + 6, 5 + 11 + 2 + 6]);
  });

  it('lets a chunk travel while the one before is with the experts', () => {
    const costs = costsOf(graph, {}, 0);
    for (const chunk of [0, 1]) {
      Object.assign(costs, { [`dispatch#${chunk}`]: 2, [`expert#${chunk}`]: 2, [`combine#${chunk}`]: 2 });
    }
    const { stepMs, exposedMs, spans } = simulatePlan(overlappedPlan(graph, { slot: 0, chunks: 2 }), costs);
    const span = (name: string) => spans.find(({ operator }) => operator === name)!;
    expect(span('expert#0')).toMatchObject({ startMs: 2, endMs: 4, track: 'compute' });
    expect(span('dispatch#1')).toMatchObject({ startMs: 2, endMs: 4, track: 'communication' });
    // 12 one after the other; the second dispatch and the first combine are hidden.
    expect(stepMs).toBe(8);
    expect(exposedMs).toBe(4);
  });

  it('carries exchanges one at a time, in the order they were issued', () => {
    const plan = [start('dispatch'), start('combine'), run('mlp1'), wait('combine'), wait('dispatch')];
    const { spans, stepMs } = simulatePlan(plan, { dispatch: 3, combine: 2, mlp1: 1 });
    expect(
      spans.filter(({ track }) => track === 'communication').map(({ startMs, endMs }) => [startMs, endMs]),
    ).toEqual([
      [0, 3],
      [3, 5],
    ]);
    expect(stepMs).toBe(5);
  });

  it('starts an exchange when the last rank is there, and lets it last as on the slowest', () => {
    const plan = [run('mlp1'), start('dispatch'), run('attention1'), wait('dispatch')];
    const fast = { mlp1: 1, dispatch: 2, attention1: 1 };
    const slow = { mlp1: 4, dispatch: 3, attention1: 1 };
    const { spans, stepMs, exposedMs } = simulatePlan(plan, [fast, slow]);
    expect(spans.filter(({ operator }) => operator === 'dispatch')).toEqual([
      { rank: 0, track: 'communication', operator: 'dispatch', startMs: 4, endMs: 7 },
      { rank: 1, track: 'communication', operator: 'dispatch', startMs: 4, endMs: 7 },
    ]);
    expect(spans.find(({ rank, operator }) => rank === 0 && operator === 'attention1')!.startMs).toBe(1);
    expect([stepMs, exposedMs]).toEqual([7, 2]);
  });

  it('slows computing beside an exchange by the interference', () => {
    const plan = [start('dispatch'), run('mlp1'), wait('dispatch')];
    // 3 ms beside the exchange do the work of 2; the rest is undisturbed.
    expect(simulatePlan(plan, { dispatch: 3, mlp1: 5 }, { interference: 0.5 }).stepMs).toBeCloseTo(6, 12);
    expect(simulatePlan(plan, { dispatch: 9, mlp1: 5 }, { interference: 0.5 }).spans[1]!.endMs).toBeCloseTo(7.5, 12);
  });

  it('takes no time for nothing', () => {
    expect(simulatePlan([], {}).stepMs).toBe(0);
    expect(simulatePlan(sequentialPlan(graph.operators), costsOf(graph, {}, 0))).toMatchObject({
      stepMs: 0,
      exposedMs: 0,
    });
  });

  it.each([
    ['no cost', [run('mlp1')], { attention1: 1 }, /'run mlp1': no cost; there are costs for attention1/],
    ['a negative cost', [run('mlp1')], { mlp1: -1 }, /cost of 'mlp1' in ms: expected a number >= 0, got -1/],
    ['a cost that is no number', [run('mlp1')], { mlp1: NaN }, /got NaN/],
    ['a wait without start', [wait('combine')], { combine: 1 }, /'wait combine': it was not started/],
    ['no ranks', [], [], /expected those of at least one rank, got none/],
  ])('rejects %s', (_, plan, costs, message) => {
    expect(() => simulatePlan(plan, costs as never)).toThrow(message);
  });
});
