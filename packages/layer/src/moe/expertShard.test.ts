import * as tf from '@tensorflow/tfjs';

import { resolvePair, type PairConfig } from '../stages/pair/PairConfig.js';
import { initializePair, pairSpecs } from '../stages/pair/pairSpecs.js';
import { checkParameters, countParameters } from '../parameters/ParameterSpec.js';
import { expertShard, isExpertParameter } from './expertShard.js';

const config: PairConfig = { kind: 'scmoe', dModel: 6, numHeads: 2, ffnHidden: 5, numExperts: 6 };

describe('expertShard', () => {
  it('gives the ranks runs of experts in their order', () => {
    const shards = [0, 1, 2].map((rank) => expertShard(6, { rank, size: 3 }));
    expect(shards).toEqual([
      { first: 0, count: 2 },
      { first: 2, count: 2 },
      { first: 4, count: 2 },
    ]);
    expect(expertShard(6, { rank: 0, size: 1 })).toEqual({ first: 0, count: 6 });
    expect(expertShard(4, { rank: 3, size: 4 })).toEqual({ first: 3, count: 1 });
  });

  it('gives some one more than others where the ranks do not divide them', () => {
    const shards = [0, 1, 2, 3].map((rank) => expertShard(6, { rank, size: 4 }));
    expect(shards).toEqual([
      { first: 0, count: 1 },
      { first: 1, count: 2 },
      { first: 3, count: 1 },
      { first: 4, count: 2 },
    ]);
  });

  it.each([
    [
      2,
      { rank: 0, size: 4 },
      'numExperts: expected at least one for each of the 4 ranks that share the experts out, got 2',
    ],
    [6, { rank: 2, size: 2 }, 'experts.rank: expected a rank of the expert-parallel group, 0 to 1, got 2'],
    [6, { rank: -1, size: 2 }, 'experts.rank: expected a rank of the expert-parallel group, 0 to 1, got -1'],
    [6, { rank: 0.5, size: 2 }, 'experts.rank: expected a rank of the expert-parallel group, 0 to 1, got 0.5'],
    [6, { rank: 0, size: 0 }, 'experts.size: expected a positive integer, got 0'],
  ])('refuses %d experts on %j', (numExperts, shard, message) => {
    expect(() => expertShard(numExperts, shard)).toThrow(message);
  });
});

describe('isExpertParameter', () => {
  it('tells routed experts from all else', () => {
    const names = ['experts.w1', 'block0.experts.gate', 'a.block3.experts.b2'];
    expect(names.filter((name) => !isExpertParameter(name))).toEqual([]);
    const replicated = [
      'shared.w1',
      'router.weight',
      'sharedExperts.w1',
      'block0.sharedexperts.w1',
      'experts',
      'attn1.wq',
    ];
    expect(replicated.filter((name) => isExpertParameter(name))).toEqual([]);
  });
});

describe('parameters of a shard', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each([2, 3, 4, 6])('are those of its experts in the whole, for %d ranks: gelu and swiglu', (size) => {
    for (const activation of ['gelu', 'swiglu'] as const) {
      const whole = initializePair({ ...config, activation }, { seed: 5 });
      for (let rank = 0; rank < size; rank++) {
        const part = initializePair({ ...config, activation }, { seed: 5, experts: { rank, size } });
        expect(Object.keys(part)).toEqual(Object.keys(whole));
        const { first, count } = expertShard(6, { rank, size });
        for (const [name, tensor] of Object.entries(part)) {
          const expected = isExpertParameter(name) ? tf.slice(whole[name]!, first, count) : whole[name]!;
          expect([name, tensor.shape]).toEqual([name, expected.shape]);
          expect(tensor.dataSync()).toEqual(expected.dataSync());
        }
      }
    }
  });

  it('are counted as such, and all are counted without a shard', () => {
    const count = (size: number) => countParameters(pairSpecs(resolvePair(config), { experts: { rank: 0, size } }));
    const ofOneExpert = 6 * 5 + 5 + 5 * 6 + 6;
    expect(count(1) - count(3)).toBe(4 * ofOneExpert);
    expect(countParameters(pairSpecs(resolvePair(config)))).toBe(count(1));
  });

  it('are checked as such, by shape, with the entries that are meant', () => {
    const specs = pairSpecs(resolvePair(config), { experts: { rank: 2, size: 3 } });
    checkParameters(initializePair(config, { seed: 5, experts: { rank: 2, size: 3 } }), specs);
    expect(() => checkParameters(initializePair(config, { seed: 5 }), specs)).toThrow(
      "'experts.w1' has shape (6, 6, 5), expected (2, 6, 5), entries 4 to 5 of 6",
    );
  });
});
