import { ArgumentError } from '@scmoe/errors';

import { rankPlans } from '../choose/rankPlans.js';
import { allToAllMs, type Cluster } from './Cluster.js';
import { clusterMachine } from './clusterMachine.js';
import type { ModelShape } from './ModelShape.js';
import { clusterPresets } from './presets.js';
import {
  allGatherMs,
  allReduceMs,
  clusterSchedules,
  dealsRows,
  fusedGatherMs,
  possibleSchedules,
  type ClusterSchedule,
  type TensorSlices,
} from './tensorSchedules.js';

const model: ModelShape = {
  pairs: 1,
  dModel: 1024,
  ffnHidden: 4096,
  sequenceLength: 1024,
  tokensPerRank: 4096,
  expertsPerRank: 1,
};
const ethernet = clusterPresets['ethernet']!;
const topK = 2;
const [tokens, rows, weights] = [4096 * 1024 * 2, 4096 * topK * 1024 * 2, 4096 * topK * 2];

/** Times of the operators of a top-2 layer, by schedule. */
function timesOf(schedule: ClusterSchedule, cluster: Cluster, size: number, shards: number, k = topK) {
  const machine = clusterMachine(model, cluster, 16, { tensorParallel: size, expertShards: shards, schedule });
  const of = (direction: 'forward' | 'backward') => machine.costs('standard', k, direction);
  return { forward: of('forward'), backward: of('backward') };
}
const sumOf = (costs: Readonly<Record<string, number>>) => Object.values(costs).reduce((sum, ms) => sum + ms, 0);

describe('schedules of tensor-parallel groups', () => {
  it('take the time of the collectives of their formulas, forward and backward', () => {
    for (const size of [2, 4]) {
      const s1 = timesOf('s1', ethernet, size, size);
      const s2 = timesOf('s2', ethernet, size, size);
      const base = timesOf('base', ethernet, size, size);
      const away = allToAllMs(rows, 16, ethernet);
      // A node of 8 has 8 / T ranks of equal place.
      const peers = allToAllMs(rows, 16 / size, { ...ethernet, ranksPerNode: 8 / size });
      for (const direction of ['forward', 'backward'] as const) {
        expect([s1[direction]['dispatch'], s1[direction]['combine']]).toEqual([away, away]);
        expect([base[direction]['dispatch'], base[direction]['combine']]).toEqual([peers, peers]);
        expect([s2[direction]['dispatch'], s2[direction]['combine']]).toEqual([away, away]);
        // The rows of all are gathered where base adds up tokens.
        const waits = direction === 'forward' ? 'decode' : 'encode';
        expect(s2[direction][waits]! - base[direction][waits]!).toBeCloseTo(
          allGatherMs(rows, size, ethernet) - allReduceMs(tokens, size, ethernet),
          9,
        );
      }
      const gather = allGatherMs(tokens, size, ethernet);
      expect(s1.backward['gate']! - s2.backward['gate']!).toBeCloseTo(gather + allGatherMs(weights, size, ethernet), 9);
      expect(s1.forward['decode']!).toBeGreaterThan(gather);
    }
  });

  it('differ from none where a group is one rank by nothing', () => {
    const plain = clusterMachine(model, ethernet, 16);
    for (const schedule of ['s1', 'base'] as const) {
      const { forward, backward } = timesOf(schedule, ethernet, 1, 1);
      expect(forward).toEqual(plain.costs('standard', topK, 'forward'));
      expect(backward).toEqual(plain.costs('standard', topK, 'backward'));
    }
  });

  it('are chosen as the formulas say over a grid of links, sequential and hidden', () => {
    const chosen = new Set<string>();
    for (const alphaUs of [1, 50, 2000]) {
      for (const [near, far] of [
        [200, 2],
        [10, 10],
        [2, 2],
        [2000, 0.5],
      ] as const) {
        const cluster: Cluster = {
          ...ethernet,
          intraNode: { alphaUs, betaGBs: near },
          interNode: { alphaUs: 2 * alphaUs, betaGBs: far },
        };
        for (const [expertShards, k] of [
          [1, 2],
          [2, 2],
          [1, 1],
        ] as const) {
          const ranked = possibleSchedules({ tensorParallel: 2, expertShards }).map((schedule) => {
            const machine = clusterMachine(model, cluster, 16, { tensorParallel: 2, expertShards, schedule });
            const plans = rankPlans({
              machine,
              stages: ['standard'],
              topK: k,
              kind: 'train',
              maxChunks: 1,
              maxHalves: 1,
            });
            const sequential = plans.find(({ name }) => name === 'sequential')!;
            const { forward, backward } = timesOf(schedule, cluster, 2, expertShards, k);
            expect(sequential.stepMs / (sumOf(forward) + sumOf(backward))).toBeCloseTo(1, 9);
            return { schedule, stepMs: sequential.stepMs };
          });
          chosen.add(ranked.reduce((best, next) => (next.stepMs < best.stepMs ? next : best)).schedule);
        }
      }
    }
    expect([...chosen].sort()).toEqual(['base', 's1', 's2', 's2-fused']);
  });

  it('overlap pieces of an exchange with gathers of those before, where links are of two classes', () => {
    const link = (ms: number) => ({ alphaUs: 0, betaGBs: 1 / (ms * 1e6) });
    // Four nodes of two ranks, which are a group; a byte takes 1 ms within a node and 3 ms between nodes.
    const nodes: Cluster = { ...ethernet, ranksPerNode: 2, intraNode: link(1), interNode: link(3) };
    const of = (cluster: Cluster, ranks = 8) =>
      fusedGatherMs({ sent: 8, gathered: 16 }, { ranks, size: 2, shards: 1, cluster });
    // A piece of each of four units: a byte from the neighbour, then two bytes from afar; each is gathered in 2 ms.
    expect(of(nodes).gatherMs).toBeCloseTo(4 * 2, 9);
    expect(of(nodes).totalMs).toBeCloseTo(1 + 3 * 6 + 2, 9);
    // Slow links within the node: the gathers are what is waited for, behind the first piece.
    const slow = of({ ...nodes, intraNode: link(4) });
    expect(slow.gatherMs).toBeCloseTo(4 * 8, 9);
    expect(slow.totalMs).toBeCloseTo(4 + 4 * 8, 9);
    // One class of links does one thing after the other.
    const one = of({ ...nodes, ranksPerNode: 8 });
    expect(one.totalMs).toBeCloseTo(1 + 3 * 2 + 4 * 2, 9);
    // One piece: an exchange, and then a gather.
    expect(of(nodes, 2).totalMs).toBeCloseTo(4 + 8, 9);
  });

  it('take no less than the gathers where all else is hidden', () => {
    const plain = timesOf('s2', ethernet, 2, 1);
    const fused = timesOf('s2-fused', ethernet, 2, 1);
    const { totalMs, gatherMs } = fusedGatherMs(
      { sent: rows / 2, gathered: rows },
      { ranks: 16, size: 2, shards: 1, cluster: ethernet },
    );
    expect(fused.forward['combine']).toBeCloseTo(totalMs - gatherMs, 9);
    expect(fused.backward['dispatch']).toBeCloseTo(totalMs - gatherMs, 9);
    expect([fused.forward['dispatch'], fused.backward['combine']]).toEqual([
      plain.forward['dispatch'],
      plain.backward['combine'],
    ]);
    const gather = allGatherMs(rows, 2, ethernet);
    expect(fused.forward['decode']! - plain.forward['decode']!).toBeCloseTo(gatherMs - gather, 9);
    expect(fused.backward['encode']! - plain.backward['encode']!).toBeCloseTo(gatherMs - gather, 9);
  });

  it('are planned with what runs can do: no halves, and parts of the backward pass where rows are not dealt out', () => {
    const namesOf = (slices?: TensorSlices) => {
      const machine = clusterMachine({ ...model, expertsPerRank: 2 }, ethernet, 16, slices);
      return rankPlans({ machine, stages: ['pos2'], topK: 1, kind: 'train', maxChunks: 2, maxHalves: 2 }).map(
        ({ name }) => name,
      );
    };
    const has = (names: string[], word: string) => names.some((name) => name.includes(word));
    expect([has(namesOf(), 'halves'), has(namesOf(), 'backward')]).toEqual([true, true]);
    for (const schedule of clusterSchedules) {
      const names = namesOf({ tensorParallel: 2, expertShards: 2, schedule });
      expect([schedule, has(names, 'halves'), has(names, 'backward')]).toEqual([schedule, false, !dealsRows(schedule)]);
    }
  });

  it('are refused where the ranks can not have them', () => {
    const refused = (slices: object) => () =>
      clusterMachine(model, ethernet, 16, { tensorParallel: 2, schedule: 's1', ...slices });
    expect(refused({ tensorParallel: 3 })).toThrow('tensorParallel: expected a divisor of the 16 ranks, got 3');
    expect(refused({ expertShards: 5 })).toThrow('expertShards: expected a divisor of the 16 ranks, got 5');
    expect(refused({ schedule: 'base' })).toThrow('expertShards: expected 2 for schedule base, got 1');
    expect(refused({ tensorParallel: 0 })).toThrow(ArgumentError);
  });
});
