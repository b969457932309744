import { join } from 'node:path';

import { init } from '@scmoe/comm';
import { countParameters, expertShard, ExpertParallelDispatcher, isExpertParameter } from '@scmoe/layer';
import { useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { expectSameTraining } from '../testing/expectSameTraining.js';
import {
  distilledCase,
  gptCases,
  microBatch,
  rankCases,
  recomputeCases,
  runGpt,
  type GptRankReport,
} from '../testing/gptRanks.js';
import { describeRanks, runRanks } from '../testing/ranks.js';
import { Gpt } from './Gpt.js';
import { resolveGpt, type GptConfig } from './GptConfig.js';
import { gptSpecs } from './gptSpecs.js';

const ranks = 2;
const config = gptCases['scmoe, dropless']!;

beforeAll(async () => {
  await useBackend('auto', { threads: 1 });
});

describeRanks('a model whose experts two ranks share out', () => {
  let reports: GptRankReport[];
  beforeAll(async () => {
    reports = await runRanks(join(import.meta.dirname, '..', 'testing', 'gptRankProgram.ts'), ranks);
  });

  it.each(Object.entries(rankCases))(
    'trains as one rank does on the micro-batches of both: %s',
    async (name, config) => {
      const outcomes = reports.map((report) => report.outcomes[name]!);
      const alone = [await runGpt(config, 0), await runGpt(config, 1)];
      expectSameTraining(outcomes, alone);
      expect(outcomes.map(({ generated }) => generated)).toEqual(alone.map(({ generated }) => generated));
    },
  );

  it('learns from a teacher as one rank does, with its exchanges behind the attention of the next block', async () => {
    const alone = [0, 1].map((rank) => runGpt(distilledCase, rank, { teacher: distilledCase }));
    expectSameTraining(
      reports.map(({ distilled }) => distilled),
      await Promise.all(alone),
    );
  });

  it('trains to the same bits where its steps compute twice', () => {
    const [first] = Object.keys(rankCases) as [string];
    for (const { outcomes, recomputed } of reports) {
      expect(recomputed).toEqual(recomputeCases.map(() => outcomes[first]));
    }
  });
});

describe('a shard of a Gpt', () => {
  const whole: GptConfig = { ...config, moe: { kind: 'scmoe', numExperts: 6 } };

  it('holds the numbers that its experts have in the whole model, and all other parameters', () => {
    const all = new Gpt(whole, { seed: 4 });
    for (const rank of [0, 1, 2]) {
      const shard = new Gpt(whole, { seed: 4, experts: { rank, size: 3 } });
      expect(shard.experts).toEqual({ rank, size: 3 });
      expect(Object.keys(shard.variables)).toEqual(Object.keys(all.variables));
      const { first, count } = expertShard(6, { rank, size: 3 });
      for (const [name, variable] of Object.entries(shard.variables)) {
        const inWhole = all.variables[name]!;
        const expected = isExpertParameter(name) ? tf.slice(inWhole, first, count) : inWhole.clone();
        expect([name, variable.shape]).toEqual([name, expected.shape]);
        expect(variable.dataSync()).toEqual(expected.dataSync());
        expected.dispose();
      }
      expect(shard.numParameters()).toBe(countParameters(gptSpecs(resolveGpt(whole))));
      expect(shard.flopsPerToken()).toBe(all.flopsPerToken());
      shard.dispose();
    }
    all.dispose();
  });

  it('asks for a dispatcher', async () => {
    const shard = new Gpt(whole, { seed: 4, experts: { rank: 1, size: 3 } });
    const batch = microBatch(0);
    const expected =
      'dispatcher: expected one over the 3 ranks that share the experts out, got none; experts 2 to 3 of 6 are here';
    expect(() => shard.loss(batch)).toThrow(expected);
    await expect(shard.generate([1, 2], { maxNewTokens: 1 })).rejects.toThrow(expected);
    tf.dispose([batch.ids, batch.targets]);
    shard.dispose();
  });

  it('needs no dispatcher where there are no experts', () => {
    const dense = new Gpt({ ...config, moe: { kind: 'dense' } }, { seed: 4, experts: { rank: 1, size: 2 } });
    const batch = microBatch(0);
    tf.tidy(() => expect(dense.loss(batch).loss.dataSync()[0]).toBeGreaterThan(0));
    tf.dispose([batch.ids, batch.targets]);
    dense.dispose();
  });

  it('refuses a dispatcher for another number of experts', async () => {
    const communicator = await init({ engine: 'self' });
    const model = new Gpt(whole, { seed: 4, experts: communicator });
    expect(model.experts).toEqual({ rank: 0, size: 1 });
    const batch = microBatch(0);
    const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: 8 });
    expect(() => model.loss(batch, { dispatcher })).toThrow(/expected a routing over 8 experts, .*, got one over 6/);
    tf.dispose([batch.ids, batch.targets]);
    model.dispose();
    await communicator.close();
  });

  it.each([
    [
      'fewer experts than ranks',
      { rank: 0, size: 7 },
      /numExperts: expected at least one for each of the 7 ranks .* got 6/,
    ],
    ['a rank outside its group', { rank: 3, size: 3 }, /experts.rank: expected a rank of .* 0 to 2, got 3/],
    ['a group of no rank', { rank: 0, size: 0 }, /experts.size: expected a positive integer, got 0/],
  ])('refuses %s', (_, experts, message) => {
    const before = tf.memory().numTensors;
    expect(() => new Gpt(whole, { seed: 4, experts })).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });
});
