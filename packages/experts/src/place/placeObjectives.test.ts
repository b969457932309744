import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { RandomStream } from '@scmoe/tensor';
import { temporaryFolder } from '@scmoe/testing';

import {
  countsWithin,
  keptAlong,
  measurePlacement,
  placeAlong,
  placedTraffic,
  placeExperts,
  placeLines,
  placeOnLevels,
  placeTogether,
  startBackend,
  trafficProblem,
  type LayerRoutes,
} from '../index.js';
import { everyPlacement } from '../testing/everyPlacement.js';
import { saveModel } from '../testing/savedModel.js';

const identity = (size: number) => [...Array(size).keys()];

/** Small random numbers (rows, columns). */
function draw(rows: number, columns: number, seed: number): number[][] {
  const random = new RandomStream({ seed });
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => random.int(50)));
}

function drawSymmetric(size: number, seed: number): number[][] {
  const half = draw(size, size, seed);
  return half.map((row, i) => row.map((value, j) => (i === j ? 0 : i < j ? value : half[j]![i]!)));
}

/** Placements of each of several layers. */
function* everyPlacementOf(layers: number, size: number, groups: number): Generator<number[][]> {
  if (layers === 0) yield [];
  else
    for (const first of everyPlacement(identity(size), size / groups))
      for (const rest of everyPlacementOf(layers - 1, size, groups)) yield [first, ...rest];
}

/** How much a search misses of the best there is, over many cases: the share that it does not find, and the mean gap. */
function misses(cases: { found: number; best: number; start: number }[]): { share: number; gap: number } {
  for (const { found, best, start } of cases) {
    expect(found).toBeLessThanOrEqual(best);
    expect(found).toBeGreaterThanOrEqual(start);
  }
  return {
    share: cases.filter(({ found, best }) => found < best).length / cases.length,
    gap: cases.reduce((sum, { found, best }) => sum + (best - found) / best, 0) / cases.length,
  };
}

describe('experts that are chosen together', () => {
  it.each([
    [2, 6],
    [3, 6],
  ])('are placed as well as can be, or nearly: %i ranks, %i experts', (groups, size) => {
    const cases = Array.from({ length: 20 }, (_, seed) => {
      const counts = drawSymmetric(size, seed);
      const of = (placement: number[]) => countsWithin(counts, placement, groups);
      const all = [...everyPlacement(identity(size), size / groups)].map(of);
      return { found: of(placeTogether(counts, groups)), best: Math.max(...all), start: of(identity(size)) };
    });
    const { share, gap } = misses(cases);
    expect(share).toBeLessThanOrEqual(0.1);
    expect(gap).toBeLessThan(0.005);
  });

  it('are found where they were hidden', () => {
    const group = (e: number) => (5 * e + 3) % 4;
    const counts = drawSymmetric(32, 1).map((row, i) =>
      row.map((n, j) => n + (i !== j && group(i) === group(j) ? 100 : 0)),
    );
    const placement = placeTogether(counts, 4);
    for (let rank = 0; rank < 4; rank++)
      expect(new Set(placement.slice(8 * rank, 8 * rank + 8).map(group)).size).toBe(1);
  });
});

describe('experts along the layers', () => {
  it('are placed as well as can be, or nearly: 2 ranks, 4 experts, 3 layers', () => {
    const cases = Array.from({ length: 20 }, (_, seed) => {
      const affinities = [draw(4, 4, 2 * seed), draw(4, 4, 2 * seed + 1)];
      const of = (placements: number[][]) => keptAlong(affinities, placements, 2);
      const all = [...everyPlacementOf(3, 4, 2)].map(of);
      return {
        found: of(placeAlong(affinities, 4, 2)),
        best: Math.max(...all),
        start: of([0, 1, 2].map(() => identity(4))),
      };
    });
    const { share, gap } = misses(cases);
    expect(share).toBeLessThanOrEqual(0.1);
    expect(gap).toBeLessThan(0.005);
  });

  it('are found where they were hidden', () => {
    const random = new RandomStream({ seed: 3 });
    const homes = Array.from({ length: 4 }, () => random.shuffle(identity(16).map((e) => e % 4)));
    const affinities = homes
      .slice(1)
      .map((next, l) => draw(16, 16, l).map((row, i) => row.map((n, p) => n + (homes[l]![i] === next[p] ? 200 : 0))));
    const planted = homes.map((home) => identity(16).sort((a, b) => home[a]! - home[b]! || a - b));
    const placements = placeAlong(affinities, 16, 4);
    expect(keptAlong(affinities, placements, 4)).toBeGreaterThanOrEqual(keptAlong(affinities, planted, 4));
    for (const placement of placements) expect([...placement].sort((a, b) => a - b)).toEqual(identity(16));
  });
});

describe('experts on ranks of several nodes', () => {
  it('leave their node as seldom as can be, and then their rank', () => {
    for (let seed = 0; seed < 10; seed++) {
      const traffic = draw(4, 8, seed);
      const placement = placeOnLevels(trafficProblem([traffic], 'home'), { ranks: 4, nodes: 2 })[0]!;
      expect([...placement].sort((a, b) => a - b)).toEqual(identity(8));
      const nodes = [0, 1].map((n) => identity(8).map((e) => traffic[2 * n]![e]! + traffic[2 * n + 1]![e]!));
      const all = [...everyPlacement(identity(8), 4)].map((each) => placedTraffic(nodes, each).remoteRows);
      expect(placedTraffic(nodes, placement).remoteRows).toBe(Math.min(...all));
      // Within the nodes that this chose, no swap of two experts keeps more rows on their rank.
      const remote = placedTraffic(traffic, placement).remoteRows;
      for (const [a, b] of [0, 4].flatMap((n) => [0, 1].flatMap((i) => [2, 3].map((j) => [n + i, n + j] as const)))) {
        const swapped = [...placement];
        [swapped[a], swapped[b]] = [placement[b]!, placement[a]!];
        expect(placedTraffic(traffic, swapped).remoteRows).toBeGreaterThanOrEqual(remote);
      }
    }
  });
});

describe('measurePlacement', () => {
  it('counts rows, ranks, nodes and moves of a trace by hand', () => {
    const routes = (layer: string, experts: number[]): LayerRoutes => ({
      ...{ layer, numExperts: 4, topK: 2, experts: Int32Array.from(experts) },
      weights: Float32Array.from([0.75, 0.25]),
    });
    // One token of each of four ranks; the last choice of the second was dropped.
    const text = [
      [routes('a', [0, 1]), routes('b', [0, 2])],
      [routes('a', [2, -1]), routes('b', [2, 3])],
      [routes('a', [2, 3]), routes('b', [2, 3])],
      [routes('a', [3, 0]), routes('b', [3, 1])],
    ];
    const order = [0, 1, 2, 3];
    const placed = { placements: { a: order, b: order }, ranks: 4, nodes: 2 };
    expect(measurePlacement(text, placed)).toEqual({
      rows: 15,
      remoteRows: 9,
      fullestRank: 2 + 3,
      rowsBetweenNodes: 6,
      remoteRanks: 9,
      moves: expect.closeTo(0.75 * 0.25 + 0.25 + 0.25 + 2 * 0.75 * 0.25 + 0.25 + 0.75 * 0.25, 6) as number,
    });
  });
});

describe('placeExperts', () => {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  beforeAll(async () => {
    await startBackend({ threads: 1 });
    const random = new RandomStream({ seed: 1 });
    const write = (name: string, of: string) =>
      writeFileSync(at(name), Array.from({ length: 1200 }, () => of[random.int(of.length)]).join(''));
    ['abcd', 'ijkl', 'qrst', 'wxyz'].forEach((letters, i) => write(`${i}.txt`, letters));
    await saveModel(at('run'));
  });
  const texts = () => [0, 1, 2, 3].map((i) => at(`${i}.txt`));

  it.each([
    ['coChoice', 'remoteRanks', /one for each rank +\d[^]*there and back[^]*one row goes to each rank of a token/],
    ['interLayer', 'moves', /tokens that change ranks +\d+ before[^]*once in float32: \d+, where tokens stay/],
  ] as const)('makes small what %s is about', async (objective, name, line) => {
    const report = await placeExperts({ checkpoint: at('run'), texts: texts(), objective, batches: 1 });
    expect(report.after[name]).toBeLessThan(report.before[name]);
    expect(placeLines(report).join('\n')).toMatch(line);
  });

  it('keeps rows on their node', async () => {
    const report = await placeExperts({ checkpoint: at('run'), texts: texts(), nodes: 2, batches: 1 });
    expect(report).toMatchObject({ ranks: 4, nodes: 2 });
    expect(report.after.rowsBetweenNodes).toBeLessThan(0.95 * report.before.rowsBetweenNodes);
    expect(placeLines(report).join('\n')).toMatch(/4 ranks on 2 nodes, by home[^]*leave their node +\d+\.\d %/);
  });
});
