import { stageGraph } from '../graph/stageGraphs.js';

import { chunkCosts } from '../costs/chunkCosts.js';
import { mirrorPlan } from '../plan/mirrorPlan.js';
import { overlappedPlan } from '../plan/overlappedPlan.js';
import type { Plan } from '../plan/Plan.js';
import { simulatePlan } from '../predict/simulatePlan.js';
import { choosePlans } from './choosePlans.js';

const graph = stageGraph('pos2');
const slot = (slot: number) => ({ slot, chunks: 1, expertChunks: 1, halves: 1 });
const times = (change: Record<string, number> = {}) => ({
  ...Object.fromEntries(graph.names.map((name) => [name, 1])),
  ...change,
});

describe('choosePlans', () => {
  it('takes the slot in which both ways are hidden', () => {
    // mlp1 covers the way out, attention2 and sharedExpert the way back.
    const costs = times({ mlp1: 4, attention2: 2, sharedExpert: 2, dispatch: 4, combine: 4 });
    const plans = choosePlans(graph, { forward: costs, backward: costs });
    expect(plans).toMatchObject({ training: slot(1), inference: slot(1) });
    expect(plans.sequentialMs - plans.predictedMs).toBeCloseTo(2 * 8);
  });

  it('has one slot for forward and backward pass, and another for inference where that is better', () => {
    const forward = times({ mlp1: 1, attention2: 3, sharedExpert: 3, dispatch: 4, combine: 2 });
    const backward = times({ mlp1: 60, attention2: 10, sharedExpert: 10, dispatch: 40, combine: 20 });
    expect(choosePlans(graph, { forward, backward })).toMatchObject({ training: slot(1), inference: slot(2) });
  });

  it('stays sequential where nothing travels', () => {
    const costs = times({ dispatch: 0, combine: 0 });
    expect(choosePlans(graph, { forward: costs, backward: costs })).toMatchObject({ training: null, inference: null });
  });

  it('keeps the slot in use unless another is clearly better', () => {
    const nearly = times({ mlp1: 4, attention2: 4, sharedExpert: 3.9, dispatch: 4, combine: 4 });
    const current = { training: slot(2), inference: slot(2), predictedMs: 0, sequentialMs: 0 };
    expect(choosePlans(graph, { forward: nearly, backward: nearly }, { current })).toMatchObject({
      training: slot(2),
      inference: slot(2),
    });
    const clearly = times({ mlp1: 4, attention2: 2, sharedExpert: 2, dispatch: 4, combine: 4 });
    expect(choosePlans(graph, { forward: clearly, backward: clearly }, { current })).toMatchObject({
      training: slot(1),
    });
  });

  it('cuts the experts where their exchanges are longer than the window, and tokens where it may', () => {
    const costs = times({ dispatch: 20, combine: 20, expert: 16 });
    const ofExperts = choosePlans(graph, { forward: costs, backward: costs }, { expertsPerRank: 4 });
    expect(ofExperts.training).toMatchObject({ chunks: 1 });
    expect(ofExperts.training!.expertChunks).toBeGreaterThan(1);
    const alone = choosePlans(graph, { forward: costs, backward: costs });
    expect(alone.training).toMatchObject({ chunks: 1, expertChunks: 1 });
    expect(ofExperts.predictedMs).toBeLessThan(alone.predictedMs);
    const ofTokens = choosePlans(graph, { forward: costs, backward: costs }, { maxChunks: 4 });
    expect(ofTokens.training!.chunks).toBeGreaterThan(1);
  });

  describe('gives a backward pass parts of its own', () => {
    // Forward the exchanges are hidden whole; backward they are as long as the experts, and half hides half.
    const forward = times({ mlp1: 9, attention2: 9, expert: 5, dispatch: 5, combine: 5 });
    const backward = times({ mlp1: 0.1, attention2: 0.1, sharedExpert: 0.1, expert: 40, dispatch: 40, combine: 40 });
    const overhead = { computeMs: 3, communicationMs: 1 };
    const choose = (options: Parameters<typeof choosePlans>[2]) =>
      choosePlans(graph, { forward, backward }, { expertsPerRank: 8, overhead, ...options });

    it('where these are clearly better, as brute force over both finds them', () => {
      const apart = choose({ ownBackward: { chunks: 1 } });
      const alike = choose({});
      expect(alike.training!.backward).toBeUndefined();
      const { slot, expertChunks, chunks, halves, backward: own } = apart.training!;
      expect(own!.expertChunks).toBeGreaterThan(expertChunks);
      expect(apart.predictedMs).toBeLessThan(alike.predictedMs * 0.98);
      expect(apart.inference).toEqual(alike.inference);
      const least = [1, 2, 4, 8].flatMap((there) =>
        [1, 2, 4, 8].flatMap((back) =>
          Array.from({ length: graph.numSlots }, (_, at) => {
            const ms = (parts: number, costs: typeof forward, turn: (plan: Plan) => Plan) =>
              simulatePlan(
                turn(overlappedPlan(graph, { slot: at, expertChunks: parts })),
                chunkCosts(graph, costs, { expertChunks: parts, overhead }),
              ).stepMs;
            return ms(there, forward, (plan) => plan) + ms(back, backward, mirrorPlan);
          }),
        ),
      );
      expect(apart.predictedMs).toBeCloseTo(Math.min(...least), 9);
      expect([slot < graph.numSlots, chunks, halves]).toEqual([true, 1, 1]);
    });

    it('not where a part less would do as well, and not beside numbers that are set', () => {
      expect(
        choosePlans(graph, { forward, backward: forward }, { expertsPerRank: 8, ownBackward: {} }).training,
      ).toEqual(choosePlans(graph, { forward, backward: forward }, { expertsPerRank: 8 }).training);
      const set = choose({ ownBackward: { chunks: 1, expertChunks: 2 }, fixed: { expertChunks: 1, halves: 1 } });
      expect(set.training).toMatchObject({ expertChunks: 1, backward: { chunks: 1, expertChunks: 2 } });
    });
  });

  it.each([0, 0.5, 2, 4, 8, 16])('is not predicted to be slower than the sequential plan: exchanges of %d ms', (ms) => {
    const costs = times({ mlp1: 4, attention2: 2, sharedExpert: 2, dispatch: ms, combine: ms });
    const first = choosePlans(graph, { forward: costs, backward: costs });
    expect(first.predictedMs).toBeLessThanOrEqual(first.sequentialMs);
    // One in use stays until another gains 2 %.
    const current = { training: slot(2), inference: slot(2), predictedMs: 0, sequentialMs: 0 };
    const kept = choosePlans(graph, { forward: costs, backward: costs }, { current });
    expect(kept.predictedMs).toBeLessThanOrEqual(first.predictedMs * 1.02);
  });

  it('goes back to the sequential plan where steps took longer than that would', () => {
    const costs = times({ mlp1: 4, attention2: 2, sharedExpert: 2, dispatch: 4, combine: 4 });
    const current = choosePlans(graph, { forward: costs, backward: costs });
    const { sequentialMs } = current;
    const after = (stepMs: number) =>
      choosePlans(graph, { forward: costs, backward: costs }, { current, measuredMs: stepMs });
    expect(after(0.9 * sequentialMs)).toMatchObject({ training: slot(1), inference: slot(1) });
    expect(after(1.1 * sequentialMs)).toMatchObject({ training: null, inference: null });
    // Else a report of what steps took against it would say that it was right.
    expect(after(0.9 * sequentialMs).predictedMs).toBe(current.predictedMs);
  });
});
