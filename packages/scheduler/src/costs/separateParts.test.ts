import { uncut } from '../axes/chunkAxes.js';
import { choosePlans } from '../choose/choosePlans.js';
import { stageGraph } from '../graph/stageGraphs.js';
import { chunkCosts } from './chunkCosts.js';
import type { OperatorCosts } from './OperatorCosts.js';
import { separateParts } from './separateParts.js';
import { wholeCosts } from './wholeCosts.js';

const graph = stageGraph('pos2');
const ones = Object.fromEntries(graph.names.map((name) => [name, 1]));
const whole: OperatorCosts = { ...ones, dispatch: 10, combine: 10, expert: 10 };

/** What all parts of each operator take together, on a machine that computes `slower` times as long. */
function inParts(expertChunks: number, overhead: { computeMs: number; communicationMs: number }, slower = 1) {
  const now = Object.fromEntries(
    graph.names.map((name) => [name, whole[name]! * (graph.isExchange(name) ? 1 : slower)]),
  );
  const parts = chunkCosts(graph, now, { expertChunks, overhead });
  const of = (name: string) => Object.entries(parts).filter(([part]) => part.split('#')[0] === name);
  return Object.fromEntries(graph.names.map((name) => [name, of(name).reduce((sum, [, ms]) => sum + ms, 0)]));
}

describe('separateParts', () => {
  it.each([1, 1.5, 0.7])(
    'finds what a part costs, and the work, on a machine that takes %d times as long',
    (slower) => {
      const overhead = { computeMs: 2, communicationMs: 3 };
      const { costs, overhead: found } = separateParts(graph, whole, inParts(4, overhead, slower), 4);
      expect(found.computeMs).toBeCloseTo(2, 9);
      expect(found.communicationMs).toBeCloseTo(3, 9);
      expect(costs['expert']).toBeCloseTo(10 * slower, 9);
      expect(costs['dispatch']).toBeCloseTo(10, 9);
      expect(costs['mlp1']).toBeCloseTo(slower, 9);
    },
  );

  it('lets parts be given up that cost more than they hide, and not be tried again', () => {
    const options = { expertsPerRank: 4, maxChunks: 1 };
    const first = choosePlans(graph, { forward: whole, backward: whole }, options);
    expect(first.training!.expertChunks).toBeGreaterThan(1);
    const parts = first.training!.expertChunks;
    const { costs, overhead } = separateParts(
      graph,
      whole,
      inParts(parts, { computeMs: 4, communicationMs: 4 }),
      parts,
    );
    const second = choosePlans(graph, { forward: costs, backward: costs }, { ...options, overhead, current: first });
    expect(second.training).toMatchObject({ chunks: 1, expertChunks: 1 });
    const third = choosePlans(graph, { forward: whole, backward: whole }, { ...options, overhead, current: second });
    expect(third.training).toMatchObject({ chunks: 1, expertChunks: 1 });
  });

  it('takes parts that cost nothing for free, and knows where the whole is slow for its size', () => {
    const { overhead } = separateParts(graph, whole, inParts(2, { computeMs: 0, communicationMs: 0 }), 2);
    expect(overhead).toEqual({ computeMs: 0, communicationMs: 0 });
    const { costs, overhead: less } = separateParts(graph, whole, { ...whole, expert: 5, dispatch: 5 }, 2);
    // Encode and decode take 1 each.
    expect(less).toEqual({ computeMs: 0, communicationMs: 0, computeRatio: 7 / 12 });
    expect(costs['expert']).toBe(10);
    const parts = chunkCosts(graph, costs, { chunks: 4, overhead: less });
    expect(parts['expert#0']).toBeCloseTo((10 / 4) * (7 / 12), 9);
    expect(parts).toMatchObject({ 'dispatch#0': 10 / 4, encode: 1 });
    const sums = { ...whole, expert: 10 * (7 / 12) };
    expect(wholeCosts(graph, sums, { ...uncut, chunks: 4, overhead: less })['expert']).toBeCloseTo(10, 9);
  });
});
