import { planOverlap } from '../choose/planOverlap.js';
import { rankPlans } from '../choose/rankPlans.js';
import { clusterMachine } from '../cluster/clusterMachine.js';
import { clusterPresets, modelPresets } from '../cluster/presets.js';
import { chunkCosts } from '../costs/chunkCosts.js';
import { wholeCosts } from '../costs/wholeCosts.js';
import { unchunkedName } from '../graph/chunkNames.js';
import { stageGraph, stageKinds } from '../graph/stageGraphs.js';
import { checkPlan } from '../plan/checkPlan.js';
import { mirrorPlan } from '../plan/mirrorPlan.js';
import { overlappedPlan } from '../plan/overlappedPlan.js';
import { simulatePlan } from '../predict/simulatePlan.js';
import { chunkNodes } from '../testing/chunkNodes.js';
import { collectiveOrder } from '../testing/collectiveOrder.js';
import { halfNodes } from '../testing/halfNodes.js';
import { costsOf, randomCosts, seededRandom } from '../testing/randomCosts.js';

const noOverhead = { computeMs: 0, communicationMs: 0 };
const standard = stageGraph('standard');
const pos2 = stageGraph('pos2');
const text = (plan: ReturnType<typeof overlappedPlan>) =>
  plan.map(({ action, operator }) => (action === 'run' ? operator : `${action} ${operator}`)).join(', ');

describe('a stage in halves', () => {
  it('computes one half while what the other has sent is under way', () => {
    expect(text(overlappedPlan(stageGraph('everyBlock'), { slot: 1, halves: 2 }))).toBe(
      'gate@0, encode@0, start dispatch@0, attention@0, gate@1, encode@1, start dispatch@1, attention@1, ' +
        'wait dispatch@0, expert@0, start combine@0, sharedExpert@0, wait dispatch@1, expert@1, start combine@1, ' +
        'sharedExpert@1, wait combine@0, decode@0, output@0, wait combine@1, decode@1, output@1',
    );
  });

  it('has one gate where that has to see both', () => {
    expect(text(overlappedPlan(pos2, { slot: 0, halves: 2, jointGate: true }))).toContain(
      'attention1@0, attention1@1, gate, encode@0, start dispatch@0, encode@1, start dispatch@1, wait dispatch@0, expert@0, ',
    );
  });

  it('runs every operator once and after what it needs, beside parts of both other axes, forward and mirrored', () => {
    for (const kind of stageKinds) {
      const graph = stageGraph(kind);
      for (const [chunks, expertChunks, jointGate] of [
        [1, 1, false],
        [3, 1, true],
        [2, 2, false],
      ] as const) {
        const nodes = halfNodes(chunkNodes(graph, chunks * expertChunks), { jointGate });
        const reversed = nodes.map((node) => ({
          ...node,
          after: nodes.filter(({ after }) => after.includes(node.name)).map(({ name }) => name),
        }));
        for (let slot = 0; slot < graph.numSlots; slot++) {
          const plan = overlappedPlan(graph, { slot, chunks, expertChunks, halves: 2, jointGate });
          checkPlan(nodes, plan);
          checkPlan(reversed, mirrorPlan(plan));
          expect(collectiveOrder(mirrorPlan(plan))).toEqual([...collectiveOrder(plan)].reverse());
        }
      }
    }
  });

  it('hides three of the four exchanges of a stage that has nothing else to hide them by', () => {
    // Each half has 6 ms before it sends, 4 ms of experts and 4 ms of travel each way.
    const costs = costsOf(standard, {
      attention1: 4,
      mlp1: 4,
      attention2: 4,
      gate: 0,
      encode: 0,
      dispatch: 8,
      expert: 8,
      combine: 8,
      decode: 0,
      output: 0,
    });
    const parts = chunkCosts(standard, costs, { halves: 2, overhead: noOverhead });
    const { stepMs, exposedMs } = simulatePlan(overlappedPlan(standard, { slot: 0, halves: 2 }), parts);
    expect([stepMs, exposedMs]).toEqual([24, 4]);
    const { forward } = planOverlap(standard, { forward: costs }, { maxChunks: 1, maxHalves: 2, overhead: noOverhead });
    expect(forward).toMatchObject({ kind: 'pipelined', halves: 2, predictedMs: 24, sequentialMs: 36 });
  });

  it('costs what its operators do in halves, and what is taken off again is what they take whole', () => {
    const random = seededRandom(5);
    const context = { overhead: { computeMs: 0.1, communicationMs: 0.4 } };
    for (const jointGate of [false, true]) {
      const costs = randomCosts(pos2, random);
      const cut = { chunks: 2, expertChunks: 2, halves: 2 } as const;
      const sums: Record<string, number> = {};
      for (const [part, ms] of Object.entries(chunkCosts(pos2, costs, { ...context, ...cut, jointGate })))
        sums[unchunkedName(part)] = (sums[unchunkedName(part)] ?? 0) + ms;
      expect(sums['mlp1']! - costs['mlp1']!).toBeCloseTo(0.2, 9);
      expect(sums['gate']! - costs['gate']!).toBeCloseTo(jointGate ? 0 : 0.2, 9);
      // Eight messages of which each pays once.
      expect(sums['dispatch']! - costs['dispatch']!).toBeCloseTo(8 * 0.4, 9);
      const whole = wholeCosts(pos2, sums, { ...context, ...cut, jointGate });
      for (const name of pos2.names) expect(whole[name]).toBeCloseTo(costs[name]!, 9);
    }
  });

  it('is chosen where it is quickest of all combinations, and never where a half costs more than it hides', () => {
    const random = seededRandom(6);
    for (let trial = 0; trial < 20; trial++) {
      const costs = randomCosts(pos2, random);
      const context = {
        maxChunks: 2,
        expertsPerRank: 2,
        maxHalves: 2,
        overhead: { computeMs: 0.1, communicationMs: 0.1 },
      };
      const { forward } = planOverlap(pos2, { forward: costs }, context);
      const times = [1, 2].flatMap((halves) =>
        [1, 2].flatMap((chunks) =>
          [1, 2].flatMap((expertChunks) =>
            [0, 1, 2, 3].map((slot) => {
              const cut = { chunks, expertChunks, halves };
              return simulatePlan(
                overlappedPlan(pos2, { slot, ...cut }),
                chunkCosts(pos2, costs, { ...context, ...cut }),
              ).stepMs;
            }),
          ),
        ),
      );
      expect(forward.candidates).toHaveLength(1 + times.length);
      expect(forward.predictedMs).toBeCloseTo(Math.min(...times), 6);
      const dear = { computeMs: 1000, communicationMs: 0 };
      expect(planOverlap(pos2, { forward: costs }, { ...context, overhead: dear }).forward.halves).toBe(1);
    }
  });

  it('takes what halves were measured to take, whatever the whole does, and its chunks their overhead besides', () => {
    const whole = costsOf(standard, { dispatch: 10, expert: 10 });
    // A capacity's padding does not travel in halves; attention of half a batch costs more than half.
    const inHalves = costsOf(standard, { dispatch: 6, expert: 6, attention1: 1.5, gate: 1 });
    const overhead = { computeMs: 0.25, communicationMs: 0.5 };
    const parts = chunkCosts(standard, whole, { chunks: 2, halves: 2, jointGate: true, overhead, inHalves });
    expect(parts).toMatchObject({ 'attention1@1': 0.75, gate: 1, 'dispatch#1@0': 2, 'expert#0@1': 1.75 });
    expect(chunkCosts(standard, whole, { chunks: 2, overhead, inHalves })).toMatchObject({ 'dispatch#0': 5.5 });
    const options = { maxHalves: 2, maxChunks: 1, overhead: noOverhead };
    const passes = { forward: whole, backward: whole };
    const measured = planOverlap(standard, { ...passes, inHalves: { forward: inHalves, backward: inHalves } }, options);
    const assumed = planOverlap(standard, passes, options);
    const halvesOf = ({ forward }: typeof measured) => forward.candidates.find(({ halves }) => halves === 2)!;
    const saved = halvesOf(assumed).predictedMs - halvesOf(measured).predictedMs;
    expect(saved).toBeGreaterThan(2);
    expect(measured.forward.sequentialMs).toBe(assumed.forward.sequentialMs);
    expect(measured.mirrored.backwardMs).toBeCloseTo(assumed.mirrored.backwardMs - saved, 9);
    expect(() => planOverlap(standard, { forward: whole, inHalves: { forward: {} } }, options)).toThrow(/no cost for/);
  });

  it('is not tried unless it may be, nor of one token, nor where a stage leaves something to the next', () => {
    const costs = costsOf(standard, { dispatch: 100, combine: 100 });
    const halvesOf = (options: object) =>
      planOverlap(standard, { forward: costs }, { maxChunks: 1, overhead: noOverhead, ...options }).forward.halves;
    expect(halvesOf({ maxHalves: 2 })).toBe(2);
    expect(halvesOf({})).toBe(1);
    expect(halvesOf({ maxHalves: 2, numTokens: 1 })).toBe(1);
    const farSkip = stageGraph('farskip');
    const { forward } = planOverlap(farSkip, { forward: costsOf(farSkip, {}) }, { maxHalves: 2 });
    expect(forward.candidates.some(({ halves }) => halves > 1)).toBe(false);
  });

  it('stands among the combinations of a cluster by its name', () => {
    const machine = clusterMachine(modelPresets['gpt2-medium']!, clusterPresets['pcie']!, 8);
    const plans = rankPlans({ machine, stages: ['shared'], topK: 1, kind: 'train', maxHalves: 2, maxChunks: 2 });
    expect(plans.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['slot 0, 2 halves', 'slot 1, 2 chunks x 2 halves', 'sequential']),
    );
    const best = plans.find(({ name }) => name === 'slot 0, 2 halves')!;
    expect(best.hiddenFraction).toBeGreaterThan(plans.find(({ name }) => name === 'slot 1')!.hiddenFraction);
  });

  it.each([
    ['three of them', { slot: 0, halves: 3 }, /^halves: expected a whole number from 1 to 2, got 3$/],
    ['none', { slot: 0, halves: 0 }, /^halves: /],
  ])('refuses %s', (_, options, message) => {
    expect(() => overlappedPlan(pos2, options)).toThrow(message);
  });
});
