import { join } from 'node:path';

import { useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { resolvePair, type PairConfig } from '../stages/pair/PairConfig.js';
import { initializePair } from '../stages/pair/pairSpecs.js';
import { runPair } from '../stages/pair/runPair.js';
import { factorCases, factorisations, nameOf, quickCases, wholeOf, type Factors } from '../testing/factorCases.js';
import type { FactorReport } from '../testing/factorProgram.js';
import { runLayerCase, type LayerCase, type RankOutcome } from '../testing/rankCases.js';
import { describeRanks, runRanks } from '../testing/ranks.js';
import type { TensorGroup } from './TensorGroup.js';

const program = join(import.meta.dirname, '..', 'testing', 'factorProgram.ts');
/** The largest difference that is allowed, in units of a tensor's largest number: the same float32 numbers, added up slice by slice. */
const tolerance = 1e-5;

function expectSame(actual: RankOutcome['values'], expected: RankOutcome['values']): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  const largest = (data: Float32Array) => data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  // A key bias has no influence on attention: its gradient is rounding alone, and small beside the others.
  const scale = Math.max(...Object.values(expected).map(({ data }) => largest(data)));
  for (const [name, { shape, data }] of Object.entries(expected)) {
    expect([name, actual[name]!.shape]).toEqual([name, shape]);
    const own = largest(data);
    const apart = largest(data.map((x, i) => x - actual[name]!.data[i]!)) / (own > 1e-5 * scale ? own : scale);
    if (!(apart <= tolerance)) throw new Error(`'${name}' is off by ${apart}`);
  }
}

const oneRank: Factors = { tensorParallel: 1, expertParallel: 1, expertShards: 1, schedule: 's1' };

/** Those of four ranks in which something is sliced in each way; `tools/torture/factorisations.mjs` has all of eight. */
const wanted = factorisations(4).filter(
  ({ tensorParallel: t, expertParallel: p, expertShards: s }) =>
    (t === 2 && p === 4 && s <= 2) || (t === 2 && p === 2 && s === 1) || (t === 1 && p === 4 && s === 2),
);

const known = new Map<string, RankOutcome['values']>();

/** What one rank makes of each sequence, for what is dropped depends on the others of a rank; gradients added up. */
function aloneFor(name: string, layer: LayerCase, sequences: number): RankOutcome['values'] {
  const key = `${sequences} of ${name}`;
  const outcomes = () => Array.from({ length: sequences }, (_, i) => runLayerCase(layer, { from: i, to: i + 1 }));
  const whole = known.get(key) ?? wholeOf(outcomes(), oneRank);
  known.set(key, whole);
  return whole;
}

describeRanks('layers in slices on 4 ranks', () => {
  let reports: FactorReport[];
  beforeAll(async () => {
    process.env['FACTORS'] = wanted.map(nameOf).join(';');
    reports = await runRanks<FactorReport>(program, 4);
    await useBackend('auto', { threads: 1 });
  });

  const cases = wanted.map((factors): [string, Factors] => [nameOf(factors), factors]);
  it.each(cases)('give outputs and gradients of one rank: %s', (name, factors) => {
    for (const layerName of quickCases) {
      const layer = factorCases[layerName]!;
      const outcomes = reports.map((report) => report[name]![layerName]!);
      expectSame(wholeOf(outcomes, factors), aloneFor(layerName, layer, 4 / factors.tensorParallel));
      expect(outcomes.map(({ tensorsLeft }) => tensorsLeft)).toEqual([0, 0, 0, 0]);
      const isFirst = layerName === quickCases[0] && !factors.schedule.startsWith('s2');
      expect(outcomes.map(({ isSameApart }) => isSameApart)).toEqual(new Array(4).fill(isFirst ? true : undefined));
    }
  });

  const fused = wanted.filter(({ schedule }) => schedule === 's2-fused');
  it.each(fused.map((factors) => [nameOf(factors), nameOf({ ...factors, schedule: 's2' })]))(
    'have the bits of one exchange and a gather behind it where pieces are gathered meanwhile: %s',
    (name, plain) => {
      const bits = (of: string) =>
        reports.map((report) => Object.values(report[of]!).map(({ values, counts }) => ({ values, counts })));
      expect(bits(name)).toEqual(bits(plain));
    },
  );

  /** Bytes that a rank hands over, by group and operation, forward and backward through a pair of width 16 on 5 tokens. */
  const bytesOf = (schedule: string, shards: number, rank: number) => {
    const { tensor, experts } = reports[rank]![`tensor 2, experts 4, shards ${shards}, ${schedule}`]!['ScMoE pair']!;
    const total = (list: typeof tensor, wanted: string) =>
      list.filter(({ operation }) => operation === wanted).reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      allReduce: total(tensor, 'allReduce'),
      allGather: total(tensor, schedule === 's2' ? 'allGather' : 'allGatherV'),
      rows: total(experts, 'allToAllV'),
      counts: total(experts, 'allToAll'),
    };
  };
  const [tokens, token] = [5, 16 * 4];

  it('exchange as many bytes as the formulas say', () => {
    // Two attentions, an MLP and a shared expert: a sum of all tokens each, forward and backward.
    const backbone = 2 * 4 * tokens * token;
    for (const rank of [0, 1]) {
      const own = rank === 0 ? 2 : 3;
      for (const shards of [1, 2]) {
        expect([shards, bytesOf('s1', shards, rank)]).toEqual([
          shards,
          {
            allReduce: backbone,
            // The outputs of the own share forward; the gradients of its tokens and of both weights of each backward.
            allGather: own * (2 * token + 2 * 4),
            // Two choices of each, to each slice of an expert. What goes back depends on what came.
            rows: expect.any(Number) as number,
            counts: 4 * 8 * shards,
          },
        ]);
        expect([shards, bytesOf('s2', shards, rank)]).toEqual([
          shards,
          {
            allReduce: backbone,
            // Half of two rows of each token forward, and half of their gradients backward.
            allGather: 2 * tokens * token,
            rows: expect.any(Number) as number,
            counts: 4 * 8 * shards,
          },
        ]);
        // The same bytes, in two pieces: the rows of the own group first, then those of the other one.
        expect([shards, bytesOf('s2-fused', shards, rank)]).toEqual([shards, bytesOf('s2', shards, rank)]);
        const { experts } = reports[rank]![`tensor 2, experts 4, shards ${shards}, s2-fused`]!['ScMoE pair']!;
        expect(experts.filter(({ operation }) => operation === 'allToAllV')).toHaveLength(2 + 2 * 2);
      }
      expect(bytesOf('base', 2, rank)).toEqual({
        // The sum of what is routed as well; backward that of the gradients of the tokens and of both weights of each.
        allReduce: backbone + tokens * (2 * token + 2 * 4),
        allGather: 0,
        rows: expect.any(Number) as number,
        counts: 4 * 8,
      });
    }
    // Over all ranks what is sent is what arrives: four ways, twice forward and twice backward.
    const rows = (schedule: string, shards: number) =>
      [0, 1, 2, 3].reduce((sum, rank) => sum + bytesOf(schedule, shards, rank).rows, 0);
    const choices = 2 * 2 * tokens; // of two sequences
    expect(rows('s1', 1)).toBe(4 * choices * token);
    expect(rows('s1', 2)).toBe(4 * choices * token * 2);
    expect([rows('s2', 1), rows('s2', 2)]).toEqual([rows('s1', 1), rows('s1', 2)]);
    // Each rank of a tensor-parallel group sends all.
    expect(rows('base', 2)).toBe(4 * choices * token * 2);
  });
});

describe('a layer that can not be cut into slices', () => {
  const sizes = { dModel: 12, numHeads: 6, numKvHeads: 2, ffnHidden: 18, expertHidden: 10, numExperts: 4 };
  const config = { kind: 'dense', ...sizes };
  const three = { seed: 1, tensor: { rank: 0, size: 3 } };
  it.each([
    [
      { ...config, numHeads: 4 },
      'numHeads: expected a number that the 3 ranks of a tensor-parallel group divide, got 4',
    ],
    [config, 'numKvHeads: expected a number that the 3 ranks of a tensor-parallel group divide, got 2'],
    [{ ...config, numKvHeads: 6, ffnHidden: 20 }, 'ffnHidden: expected a number that the 3 ranks'],
    [{ ...config, numKvHeads: 6, kind: 'shared', sharedHidden: 8 }, 'sharedHidden: expected a number that the 3 ranks'],
  ] as [PairConfig, string][])('is refused by its option: %#', (pair, message) => {
    expect(() => initializePair(pair, three)).toThrow(message);
  });

  it('is refused by its experts: as few as ranks, or of another width', () => {
    const slices = (shards: number, size: number) => () =>
      initializePair({ ...config, kind: 'scmoe' }, { seed: 1, experts: { rank: 0, size, shards } });
    expect(slices(3, 8)).toThrow(
      'experts.shards: expected a divisor of the 8 ranks of the expert-parallel group, got 3',
    );
    expect(slices(4, 4)).toThrow(
      'expertHidden: expected a number that the 4 ranks with slices of an expert divide, got 10',
    );
    expect(slices(2, 16)).toThrow(
      'numExperts: expected at least one for each of the 8 ranks that share the experts out in slices of 2, got 4',
    );
  });

  it('is refused in halves, which would each wait for the group', () => {
    const group = { rank: 0, size: 2 } as TensorGroup;
    const x: tf.Tensor3D = tf.zeros([1, 2, 12]);
    const pair = resolvePair({ ...config, kind: 'dgmoe' });
    const parameters = initializePair({ ...config, kind: 'dgmoe' }, { seed: 1 });
    expect(() => runPair(x, parameters, pair, { tensor: group, split: 'sequence' })).toThrow('split: expected none');
  });
});
