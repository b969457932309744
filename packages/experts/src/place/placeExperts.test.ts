import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { findGloo, StoreServer } from '@scmoe/comm';
import { RandomStream } from '@scmoe/tensor';
import { describeUnless, runRanks, temporaryFolder } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import {
  openLanguageModel,
  openStoredExperts,
  placeAtHome,
  placeByLoad,
  placedTraffic,
  placeExperts,
  placeLines,
  prunedTensors,
  startBackend,
  type PlaceReport,
} from '../index.js';
import { everyPlacement } from '../testing/everyPlacement.js';
import type { RankOutcome } from '../testing/placedRanks.js';
import { saveModel } from '../testing/savedModel.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
const random = new RandomStream({ seed: 1 });
const write = (name: string, letters: string) =>
  writeFileSync(at(name), Array.from({ length: 2400 }, () => letters[random.int(letters.length)]).join(''));

/** A text for each rank, of letters of its own. */
const domains = ['first.txt', 'second.txt', 'third.txt', 'fourth.txt'];

beforeAll(async () => {
  await startBackend({ threads: 1 });
  for (const [i, letters] of ['abcd', 'wxyz', 'hijk', 'opqr'].entries()) write(domains[i]!, letters);
  write('mixed 1.txt', 'abcdwxyz');
  write('mixed 2.txt', 'abcdwxyz');
});

/** Traffic (ranks, numExperts) of small random numbers. */
const draw = (ranks: number, numExperts: number, seed: number) => {
  const own = new RandomStream({ seed });
  return Array.from({ length: ranks }, () => Array.from({ length: numExperts }, () => own.int(50)));
};

describe('placements', () => {
  const cases = [
    [2, 4],
    [2, 6],
    [3, 6],
    [4, 4],
  ].flatMap(([ranks, numExperts]) => Array.from({ length: 8 }, (_, seed) => [ranks!, numExperts!, seed] as const));

  it.each(cases)('at home are the best there are: %i ranks, %i experts, seed %i', (ranks, numExperts, seed) => {
    const traffic = draw(ranks, numExperts, seed);
    const all = [...everyPlacement([...Array(numExperts).keys()], numExperts / ranks)];
    const best = Math.min(...all.map((placement) => placedTraffic(traffic, placement).remoteRows));
    expect(placedTraffic(traffic, placeAtHome(traffic)).remoteRows).toBe(best);
  });

  it('by load are never worse than the order that there was, and near the best', () => {
    for (const [ranks, numExperts, seed] of cases) {
      const traffic = draw(ranks, numExperts, seed);
      const of = (placement: number[]) => placedTraffic(traffic, placement).fullestRank;
      const placement = placeByLoad(traffic);
      expect([...placement].sort((a, b) => a - b)).toEqual([...Array(numExperts).keys()]);
      const all = [...everyPlacement([...Array(numExperts).keys()], numExperts / ranks)];
      expect(of(placement)).toBeLessThanOrEqual(of([...Array(numExperts).keys()]));
      expect(of(placement)).toBeLessThanOrEqual(1.1 * Math.min(...all.map(of)));
    }
  });

  it('find the ranks that experts were hidden on', () => {
    const [ranks, numExperts] = [4, 64];
    const home = Array.from({ length: numExperts }, (_, e) => (5 * e + 3) % ranks);
    const traffic = draw(ranks, numExperts, 1).map((row, r) => row.map((rows, e) => rows + (home[e] === r ? 100 : 0)));
    const placement = placeAtHome(traffic);
    placement.forEach((expert, place) => expect(home[expert]).toBe(Math.floor(place / 16)));
  });
});

describe('placeExperts', () => {
  const texts = () => [at('first.txt'), at('second.txt')];
  let report: PlaceReport;
  beforeAll(async () => {
    await saveModel(at('run'), { correctionBias: true });
    report = await placeExperts({ checkpoint: at('run'), texts: texts(), out: at('placed'), batches: 2 });
  });

  it('keeps more rows at home on text that it has not seen, and says so', () => {
    expect(report).toMatchObject({ objective: 'home', ranks: 2, gains: true });
    expect(report.after.rows).toBe(report.before.rows);
    expect(report.after.remoteRows).toBeLessThan(0.8 * report.before.remoteRows);
    // dModel is 16.
    expect(report.savedBytes).toBe((report.before.remoteRows - report.after.remoteRows) * 2 * 4 * 16);
    const lines = placeLines(report);
    expect(lines[2]).toMatch(/^ {2}block0: \d \d \d \d \| \d \d \d \d$/);
    expect(lines.join('\n')).toMatch(/leave their rank +\d+\.\d % before, \d+\.\d % after[^]*saved: .*placed/);
    expect(JSON.parse(readFileSync(join(at('placed'), 'placement.json'), 'utf8'))).toMatchObject({ gains: true });
  });

  it('changes nothing that the model computes', async () => {
    const outputs = async (path: string) => {
      const { model } = (await openLanguageModel(await openStoredExperts(path)))!;
      const ids = tf.tensor2d(
        Array.from({ length: 64 }, (_, i) => (i * 7) % 256),
        [2, 32],
        'int32',
      );
      const { logits, routings } = model.forward(ids);
      const result = {
        logits: logits.dataSync<'float32'>(),
        experts: routings.map(({ experts }) => [...experts.dataSync()]),
      };
      model.dispose();
      return result;
    };
    const [before, after] = [await outputs(at('run')), await outputs(at('placed'))];
    expect(after.experts.map((ids, layer) => ids.map((id) => report.placements[`block${layer}`]![id]!))).toEqual(
      before.experts,
    );
    // The scores of softmax are divided by a sum in another order.
    before.logits.forEach((value, i) => expect(Math.abs(after.logits[i]! - value)).toBeLessThan(1e-5));
  });

  it('is undone by its inverse, byte for byte, optimizer and biases too', async () => {
    const [was, is] = [await openStoredExperts(at('run')), await openStoredExperts(at('placed'))];
    const inverse = Object.fromEntries(
      Object.entries(report.placements).map(([layer, placement]) => [
        layer,
        placement.map((_, expert) => placement.indexOf(expert)),
      ]),
    );
    for (const part of ['parameters', 'optimizerState'] as const) {
      const back = prunedTensors(is.checkpoint[part], inverse, { numExperts: 8 });
      for (const [name, { data, shape }] of Object.entries(was.checkpoint[part]))
        expect([name, back[name]!.shape, back[name]!.data]).toEqual([name, shape, data]);
    }
    expect(is.checkpoint.index.config).toEqual(was.checkpoint.index.config);
  });

  it('claims no gain where all ranks see the same, and writes nothing', async () => {
    const mixed = [at('mixed 1.txt'), at('mixed 2.txt')];
    const flat = await placeExperts({ checkpoint: at('run'), texts: mixed, out: at('flat'), batches: 0 });
    expect(flat.gains).toBe(false);
    expect(placeLines(flat)).toContain('no gain to speak of: the texts ask for the same experts, as shuffled data do');
    expect(existsSync(at('flat'))).toBe(false);
  });

  it('makes the fullest rank emptier', async () => {
    const load = await placeExperts({ checkpoint: at('run'), texts: texts(), objective: 'load', batches: 2 });
    expect(load.after.fullestRank).toBeLessThanOrEqual(load.before.fullestRank);
  });

  it('refuses what can not be placed', async () => {
    const checkpoint = at('run');
    const three = [...texts(), at('mixed 1.txt')];
    for (const [options, message] of [
      [{ texts: [at('first.txt')] }, 'texts: expected one for each of at least 2 ranks, got 1'],
      [{ texts: three }, 'texts: expected as many as divide the 8 experts, one for each rank, got 3'],
      [
        { texts: texts(), objective: 'luck' as 'load' },
        'objective: expected one of home, load, coChoice, interLayer, got luck',
      ],
      [{ texts: texts(), nodes: 3 }, 'nodes: expected a divisor of the 2 ranks, got 3'],
      [{ texts: [at('first.txt'), at('none.txt')] }, /Can't read data .*none.txt/],
      [{ texts: texts(), out: at('run') }, /expected a folder that does not exist yet, got one that does/],
    ] as const)
      await expect(placeExperts({ checkpoint, ...options })).rejects.toThrow(message);
    await saveModel(at('groups'), { numGroups: 4, topKGroups: 2, steps: 1 });
    await expect(placeExperts({ checkpoint: at('groups'), texts: texts() })).rejects.toThrow(
      /expected experts in one group, whose order means nothing, got 4/,
    );
    await saveModel(at('ahead'), { routerAhead: true, steps: 1 });
    await expect(placeExperts({ checkpoint: at('ahead'), texts: texts() })).rejects.toThrow(
      /expected a router in each layer, whose experts can be placed by themselves, got none in block0: one before/,
    );
  });

  it('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    await placeExperts({ checkpoint: at('run'), texts: texts(), batches: 1 });
    expect(tf.memory().numTensors).toBe(before);
  });

  describeUnless(findGloo().problem, 'on ranks', () => {
    it.each([2, 4])('saves the rows that were predicted, and gives the same losses: %i of them', async (ranks) => {
      const own = domains.slice(0, ranks).map(at);
      const placed = at(`placed on ${ranks}`);
      const { before, after, saved } = await placeExperts({
        checkpoint: at('run'),
        texts: own,
        batches: 2,
        out: placed,
      });
      expect(saved).toBeDefined();
      process.env['PLACED_TEST'] = JSON.stringify({ checkpoints: [at('run'), placed], texts: own });
      const program = join(import.meta.dirname, '..', 'testing', 'placedRanks.ts');
      const outcomes = await runRanks<RankOutcome[]>(program, ranks, (token) =>
        StoreServer.listen({ token, silenceMs: 60_000 }),
      );
      for (const [i, expected] of [before, after].entries()) {
        const sum = (name: 'rows' | 'remoteRows') => outcomes.reduce((total, rank) => total + rank[i]![name], 0);
        expect([sum('rows'), sum('remoteRows')]).toEqual([expected.rows, expected.remoteRows]);
      }
      for (const [unplaced, moved] of outcomes)
        unplaced!.losses.forEach((loss, i) => expect(moved!.losses[i]).toBeCloseTo(loss, 5));
    });
  });
});
