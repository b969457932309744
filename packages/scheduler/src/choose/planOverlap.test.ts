import { stageGraph, stageKinds, type StageKind } from '../graph/stageGraphs.js';
import { OperatorGraph } from '../graph/OperatorGraph.js';
import { chunkCosts } from '../costs/chunkCosts.js';
import { mirrorPlan } from '../plan/mirrorPlan.js';
import { overlappedPlan } from '../plan/overlappedPlan.js';
import { sequentialPlan } from '../plan/sequentialPlan.js';
import { equation11Slot } from '../testing/equation11.js';
import { simulatePlan } from '../predict/simulatePlan.js';
import { beforeJoin, steadyPlan } from '../predict/steadyPlan.js';
import { windowCosts } from '../predict/windowCosts.js';
import { costsOf, randomCosts, seededRandom } from '../testing/randomCosts.js';
import { planOverlap } from './planOverlap.js';

const pos2 = stageGraph('pos2');
const noOverhead = { computeMs: 0, communicationMs: 0 };

describe.each(stageKinds)('planOverlap over random costs of %s', (kind: StageKind) => {
  const graph = stageGraph(kind);

  it('finds the smallest time of all slots and chunk counts, each direction by itself and both as mirrors', () => {
    const random = seededRandom(11);
    const overhead = { computeMs: 0.1, communicationMs: 0.3 };
    for (let trial = 0; trial < 100; trial++) {
      const [forward, backward] = [randomCosts(graph, random), randomCosts(graph, random)];
      const decision = planOverlap(graph, { forward, backward }, { maxChunks: 3, overhead });
      const times: { forward: number; backward: number }[] = [];
      for (const chunks of [1, 2, 3]) {
        for (let slot = 0; slot < graph.numSlots; slot++) {
          const plan = steadyPlan(graph, overlappedPlan(graph, { slot, chunks }));
          const costs = (of: Record<string, number>) => chunkCosts(graph, of, { chunks, overhead });
          times.push({
            forward: simulatePlan(plan, costs(forward)).stepMs,
            backward: simulatePlan(mirrorPlan(plan), costs(backward)).stepMs,
          });
        }
      }
      const best = (time: (entry: (typeof times)[0]) => number) => Math.min(...times.map(time));
      expect(decision.forward.predictedMs).toBeCloseTo(
        best((t) => t.forward),
        6,
      );
      expect(decision.backward!.predictedMs).toBeCloseTo(
        best((t) => t.backward),
        6,
      );
      expect(decision.forward.predictedMs).toBeGreaterThanOrEqual(decision.forward.boundMs - 1e-9);
      expect(decision.backward!.predictedMs).toBeGreaterThanOrEqual(decision.backward!.boundMs - 1e-9);
      const { predictedMs, backwardMs } = decision.mirrored;
      expect(predictedMs + backwardMs).toBeCloseTo(
        best((t) => t.forward + t.backward),
        6,
      );
    }
  });

  it('agrees with equation 11 where there are no chunks', () => {
    const random = seededRandom(12);
    for (let trial = 0; trial < 200; trial++) {
      const costs = randomCosts(graph, random);
      const { predictedMs } = planOverlap(graph, { forward: costs }, { maxChunks: 1 }).forward;
      // What the next stage computes before it joins is beside the combine wherever the expert comes.
      const ofNext = beforeJoin(graph).reduce((sum, name) => sum + costs[name]!, 0);
      const { combineMs, ...others } = windowCosts(graph, costs);
      const slot = equation11Slot({ ...others, combineMs: combineMs - ofNext });
      expect(simulatePlan(steadyPlan(graph, overlappedPlan(graph, { slot })), costs).stepMs).toBeCloseTo(
        predictedMs,
        6,
      );
    }
  });
});

describe('a plan that leaves something pending', () => {
  const graph = stageGraph('farskip');
  const costs = costsOf(graph, { dispatch: 2, combine: 3, join1: 0, join2: 0, output: 0 });

  it('is predicted as it runs behind another one: the next attention hides what comes back', () => {
    const { forward } = planOverlap(graph, { forward: costs }, { maxChunks: 1 });
    // attention2 and sharedExpert beside the dispatch, attention1 of the next pair beside the combine.
    const bySlot = (slot: number) => forward.candidates.find((one) => one.kind !== 'sequential' && one.slot === slot)!;
    expect(bySlot(2).exposedMs).toBeCloseTo(2, 9);
    // attention2 beside the dispatch, sharedExpert and attention1 of the next pair beside the combine.
    expect(bySlot(1).exposedMs).toBeCloseTo(1 + 1, 9);
    expect(bySlot(0).exposedMs).toBeCloseTo(2, 9);
    expect(forward.candidates.find(({ kind }) => kind === 'sequential')!.exposedMs).toBeCloseTo(5, 9);
  });

  it('takes as long where it is sequential, and backward hides as much', () => {
    const sequential = sequentialPlan(graph.operators);
    expect(simulatePlan(steadyPlan(graph, sequential), costs).stepMs).toBe(simulatePlan(sequential, costs).stepMs);
    const backward = planOverlap(graph, { forward: costs, backward: costs }, { maxChunks: 1 }).backward!;
    expect(backward.exposedMs).toBeCloseTo(2, 9);
  });

  it('is any other plan as it is', () => {
    const plan = overlappedPlan(pos2, { slot: 1 });
    expect(steadyPlan(pos2, plan)).toBe(plan);
  });
});

describe('planOverlap', () => {
  it('says what it predicts, what it would save and what came second', () => {
    const costs = costsOf(pos2, { mlp1: 4, attention2: 3, sharedExpert: 4, dispatch: 5, combine: 6, expert: 2 });
    const { forward, backward } = planOverlap(pos2, { forward: costs }, { maxChunks: 1 });
    expect(forward).toMatchObject({ kind: 'overlapped', slot: 1, chunks: 1, predictedMs: 19, sequentialMs: 29 });
    expect(forward).toMatchObject({ boundMs: 18, exposedMs: 1 });
    expect(forward.hiddenFraction).toBeCloseTo(10 / 11, 12);
    expect(forward.runnerUp).toMatchObject({ kind: 'overlapped', slot: 2, predictedMs: 20 });
    expect(forward.candidates).toHaveLength(5);
    expect(backward).toBeUndefined();
  });

  it('lets the backward pass have a slot of its own', () => {
    const forward = costsOf(pos2, { dispatch: 0.1, combine: 3 });
    const backward = costsOf(pos2, { dispatch: 3, combine: 0.1 });
    const decision = planOverlap(pos2, { forward, backward }, { maxChunks: 1 });
    expect(decision.forward.slot).toBe(0);
    expect(decision.backward!.slot).toBe(3);
    expect(decision.backward!.plan).toEqual(mirrorPlan(overlappedPlan(pos2, { slot: 3 })));
    expect(decision.mirrored.plan).toEqual(overlappedPlan(pos2, { slot: decision.mirrored.slot }));
  });

  it('cuts tokens where communication exceeds the window, and not where the overhead eats the gain', () => {
    const costs = costsOf(pos2, { dispatch: 20, combine: 20, expert: 10 });
    const cheap = planOverlap(pos2, { forward: costs }, { overhead: noOverhead }).forward;
    // Two: the second half of the expert's work is then hidden behind the first half's way back.
    expect(cheap).toMatchObject({ kind: 'chunked', chunks: 2 });
    const dear = planOverlap(pos2, { forward: costs }, { overhead: { computeMs: 5, communicationMs: 5 } }).forward;
    expect(dear.chunks).toBe(1);
  });

  it('pipelines a standard pair', () => {
    const graph = stageGraph('standard');
    const { forward } = planOverlap(graph, { forward: costsOf(graph, { dispatch: 4, expert: 4, combine: 4 }) });
    expect(forward).toMatchObject({ kind: 'pipelined', slot: 0 });
    expect(forward.chunks).toBeGreaterThan(1);
    expect(forward.predictedMs).toBeLessThan(forward.sequentialMs);
  });

  it('stays sequential where nothing is gained: no communication, no cost, no experts', () => {
    expect(planOverlap(pos2, { forward: costsOf(pos2, { dispatch: 0, combine: 0 }) }).forward).toMatchObject({
      kind: 'sequential',
      hiddenFraction: 1,
      plan: sequentialPlan(pos2.operators),
    });
    expect(planOverlap(pos2, { forward: costsOf(pos2, {}, 0) }).forward.kind).toBe('sequential');
    const dense = new OperatorGraph([{ name: 'mlp1', kind: 'mlp', after: [] }]);
    expect(planOverlap(dense, { forward: { mlp1: 2 } }).forward).toMatchObject({
      kind: 'sequential',
      predictedMs: 2,
      runnerUp: undefined,
    });
  });

  it('gives a tie to the slot that can bear the most delay, then to the lower one', () => {
    const costs = costsOf(pos2, { mlp1: 2, attention2: 4, sharedExpert: 4, dispatch: 1, combine: 1 });
    // Slots 1 and 2 both hide everything; 2 leaves 3 ms beside the combine and 5 beside the dispatch, 1 only 1.
    expect(planOverlap(pos2, { forward: costs }).forward).toMatchObject({ slot: 2, chunks: 1, exposedMs: 0 });
    const even = costsOf(pos2, { mlp1: 2, attention2: 0, sharedExpert: 2 });
    expect(planOverlap(pos2, { forward: even }).forward.slot).toBe(1);
  });

  it('decides alike for costs that differ by rounding only', () => {
    const costs = costsOf(pos2, { mlp1: 0.1 + 0.2, attention2: 0.3, sharedExpert: 0.3, dispatch: 0.1, combine: 0.1 });
    const same = { ...costs, mlp1: 0.3 };
    expect(planOverlap(pos2, { forward: costs }).forward.plan).toEqual(
      planOverlap(pos2, { forward: same }).forward.plan,
    );
  });

  it('plans for the rank that is twice as slow, and for uneven loads', () => {
    const fast = costsOf(pos2, { dispatch: 1.5, combine: 1.5, expert: 1 });
    const slow = Object.fromEntries(
      Object.entries(fast).map(([name, ms]) => [name, pos2.isExchange(name) ? ms : 2 * ms]),
    );
    const alone = planOverlap(pos2, { forward: slow }).forward;
    const together = planOverlap(pos2, { forward: [fast, slow] }).forward;
    expect(together.predictedMs).toBeGreaterThanOrEqual(alone.predictedMs);
    expect(together.kind).toBe('overlapped');
    const skewed = [fast, { ...fast, expert: 8 }, { ...fast, expert: 0 }];
    const choice = planOverlap(pos2, { forward: skewed }).forward;
    expect(choice.predictedMs).toBeLessThan(choice.sequentialMs);
    // Whatever one rank alone would like: no plan that was compared is better for all of them together.
    for (const { plan, chunks } of choice.candidates) {
      const overhead = { computeMs: 0.05, communicationMs: 0.05 };
      const { stepMs } = simulatePlan(
        plan,
        skewed.map((costs) => chunkCosts(pos2, costs, { chunks, overhead })),
      );
      expect(stepMs).toBeGreaterThanOrEqual(choice.predictedMs - 1e-9);
    }
  });

  it('makes no more chunks than there are tokens, and whole tokens of those that do not divide', () => {
    const costs = costsOf(pos2, { dispatch: 20, combine: 20, expert: 20 });
    const chunks = (numTokens: number) =>
      planOverlap(pos2, { forward: costs }, { overhead: noOverhead, maxChunks: 4, numTokens }).forward.chunks;
    expect(chunks(0)).toBe(1);
    expect(chunks(1)).toBe(1);
    expect(chunks(3)).toBe(3);
    // 4 chunks of 5 tokens are 2, 1, 1, 1.
    expect(chunkCosts(pos2, costs, { chunks: 4, overhead: noOverhead, numTokens: 5 })).toMatchObject({
      'expert#0': 8,
      'expert#1': 4,
      'dispatch#3': 4,
      decode: 1,
    });
  });

  it('finds the smallest time of all slots and parts along both axes, and prefers whole tokens where it is equal', () => {
    const random = seededRandom(21);
    const context = { expertsPerRank: 4, overhead: { computeMs: 0.4, communicationMs: 0.3 }, maxChunks: 2 };
    const expertOverhead = { computeMs: 0.1, communicationMs: 0.3 };
    for (let trial = 0; trial < 20; trial++) {
      const costs = randomCosts(pos2, random);
      const { forward } = planOverlap(pos2, { forward: costs }, { ...context, expertOverhead });
      const times = [1, 2].flatMap((chunks) =>
        [1, 2, 4].flatMap((expertChunks) =>
          [0, 1, 2, 3].map((slot) => {
            const cut = { chunks, expertChunks };
            const plan = overlappedPlan(pos2, { slot, ...cut });
            return simulatePlan(plan, chunkCosts(pos2, costs, { ...context, expertOverhead, ...cut })).stepMs;
          }),
        ),
      );
      expect(forward.predictedMs).toBeCloseTo(Math.min(...times), 6);
      expect(forward.candidates).toHaveLength(1 + times.length);
    }
    // A chunk reads the weights of its part of the experts: 0.4 / 2, and no less than a part of the experts costs.
    const both = { chunks: 2, expertChunks: 2, expertOverhead };
    const ofParts = (cut: object) => chunkCosts(pos2, costsOf(pos2, {}), { ...context, ...cut });
    expect(ofParts(both)['expert#0']).toBeCloseTo(1 / 4 + 0.2, 9);
    expect(ofParts({ ...both, expertOverhead: { computeMs: 0.3, communicationMs: 0 } })['expert#0']).toBeCloseTo(
      0.55,
      9,
    );
    expect(ofParts(both)['dispatch#0']).toBeCloseTo(1 / 4 + 0.3, 9);
    const long = costsOf(pos2, { dispatch: 20, combine: 20, expert: 10 });
    const equal = planOverlap(pos2, { forward: long }, { expertsPerRank: 2, maxChunks: 2, overhead: noOverhead });
    expect(equal.forward).toMatchObject({ chunks: 1, expertChunks: 2 });
  });

  it('simulates what the closed form of EPS-MoE, three stages on resources of their own, gets wrong', () => {
    // By that 1 ms of dispatch, experts and combine in two parts take (3 + 1) / 2 + 1 / 2 ms. Both parts are sent at once, and
    // their way back begins when the first is computed: 2 ms, which the channel is busy for.
    const graph = stageGraph('standard');
    const zero = Object.fromEntries(graph.names.map((name) => [name, 0]));
    const costs = { ...zero, dispatch: 1, expert: 1, combine: 1 };
    const { forward } = planOverlap(
      graph,
      { forward: costs },
      { expertsPerRank: 2, maxChunks: 1, overhead: noOverhead },
    );
    expect(forward).toMatchObject({ expertChunks: 2, chunks: 1 });
    expect(forward.predictedMs).toBeCloseTo(2, 12);
  });

  describe('of unequal parts of the experts', () => {
    const random = seededRandom(31);
    const graph = stageGraph('standard');
    const trials = Array.from({ length: 20 }, () => {
      const draw = () => ({ ...randomCosts(graph, random), dispatch: 6 * random(), combine: 6 * random(), expert: 12 });
      const raw = Array.from({ length: 8 }, () => random() + 0.05);
      const total = raw.reduce((sum, one) => sum + one, 0);
      return { forward: draw(), backward: draw(), expertShares: raw.map((one) => one / total) };
    });
    const context = { expertsPerRank: 8, maxChunks: 1, overhead: noOverhead };
    const timeOf = ({ expertShares, ...costs }: (typeof trials)[0], expertChunks: number, order?: number[]) => {
      const plan = overlappedPlan(graph, { slot: 0, expertChunks, ...(order && { order }) });
      const parts = (of: 'forward' | 'backward') =>
        chunkCosts(graph, costs[of], { ...context, expertShares, expertChunks });
      return simulatePlan(plan, parts('forward')).stepMs + simulatePlan(mirrorPlan(plan), parts('backward')).stepMs;
    };
    const chosen = (trial: (typeof trials)[0], expertChunks: number, presentOrder?: number[]) => {
      const { expertShares, ...costs } = trial;
      const { forward, backward } = planOverlap(graph, costs, { ...context, expertShares, presentOrder });
      const [there, back] = [forward, backward!].map(({ candidates }) =>
        candidates.find((candidate) => candidate.expertChunks === expertChunks)!,
      );
      return { ms: there!.predictedMs + back!.predictedMs, order: there!.order };
    };

    it('takes the best of all orders where there are up to four, for both passes together', () => {
      let improved = 0;
      for (const trial of trials) {
        const times = permutations([0, 1, 2, 3]).map((order) => timeOf(trial, 4, order));
        const { ms } = chosen(trial, 4);
        // An order is left for one that is better by more than 0.2 %.
        expect(ms).toBeLessThanOrEqual(Math.min(...times) * 1.002 + 1e-9);
        improved += ms < times[0]! - 1e-9 ? 1 : 0;
      }
      expect(improved).toBeGreaterThan(5);
    });

    it('takes that of the rule for more of them, and is never slower than as they are numbered', () => {
      let improved = 0;
      for (const trial of trials) {
        const [numbered, { ms }] = [timeOf(trial, 8), chosen(trial, 8)];
        expect(ms).toBeLessThanOrEqual(numbered + 1e-9);
        improved += ms < numbered - 1e-9 ? 1 : 0;
      }
      expect(improved).toBeGreaterThan(0);
    });

    it('keeps the order in use where no other is clearly better, and goes by number where parts are equal', () => {
      const trial = trials[0]!;
      const { order } = chosen(trial, 4);
      expect(order).toBeDefined();
      const nearly = trial.expertShares.map((share, i) => share + (i % 2 === 0 ? 1e-5 : -1e-5));
      expect(chosen({ ...trial, expertShares: nearly }, 4, [...order!]).order).toEqual(order);
      const even = { ...trial, expertShares: trial.expertShares.map(() => 1 / 8) };
      expect(chosen(even, 4).order).toBeUndefined();
      expect(chosen(even, 4, [3, 1, 2, 0]).order).toEqual([3, 1, 2, 0]);
    });
  });

  const costs = costsOf(pos2, {});
  it.each([
    ['other shares than experts', costs, { expertsPerRank: 2, expertShares: [1] }, /expertShares: expected 2 of them/],
    ['half an expert', costs, { expertsPerRank: 0.5 }, /expertsPerRank: expected a positive integer, got 0.5/],
    ['a cost of something else', { ...costs, mpl1: 1 }, {}, /costs for unknown operators: mpl1; there are attention1/],
    ['a missing cost', (({ mlp1: _, ...others }) => others)(costs), {}, /no cost for mlp1; write 0 where/],
    ['a negative cost', { ...costs, mlp1: -1 }, {}, /cost of 'mlp1' in ms: expected a number >= 0, got -1/],
    ['a cost that is no number', { ...costs, mlp1: NaN }, {}, /got NaN/],
    ['an infinite cost', { ...costs, combine: Infinity }, {}, /cost of 'combine' .* got Infinity/],
    ['no chunks', costs, { maxChunks: 0 }, /maxChunks: expected a positive integer, got 0/],
    ['half a token', costs, { numTokens: 1.5 }, /numTokens: expected an integer >= 0, got 1.5/],
    ['a negative overhead', costs, { overhead: { computeMs: -1, communicationMs: 0 } }, /overhead.computeMs/],
    ['no ranks', [], {}, /at least one rank, got none/],
  ])('rejects %s', (_, forward, options, message) => {
    expect(() => planOverlap(pos2, { forward: forward }, options)).toThrow(message);
  });
});

function permutations(of: readonly number[]): number[][] {
  if (of.length < 2) return [[...of]];
  return of.flatMap((first) => permutations(of.filter((other) => other !== first)).map((rest) => [first, ...rest]));
}
