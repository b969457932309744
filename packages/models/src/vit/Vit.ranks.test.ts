import { join } from 'node:path';

import { useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { expectSameTraining, type TrainingOutcome } from '../testing/expectSameTraining.js';
import { describeRanks, runRanks } from '../testing/ranks.js';
import { microBatch, runVit, vitCases } from '../testing/vitRanks.js';
import { Vit } from './Vit.js';

beforeAll(async () => {
  await useBackend('auto', { threads: 1 });
});

describeRanks('a Vit whose experts two ranks share out', () => {
  let reports: Record<string, TrainingOutcome>[];
  beforeAll(async () => {
    reports = await runRanks(join(import.meta.dirname, '..', 'testing', 'vitRankProgram.ts'), 2);
  });

  it.each(Object.entries(vitCases))('trains as one rank does on the micro-batches of both: %s', (name, config) => {
    expectSameTraining(
      reports.map((report) => report[name]!),
      [runVit(config, 0), runVit(config, 1)],
    );
  });
});

describe('a shard of a Vit', () => {
  it('asks for a dispatcher', () => {
    const [config] = Object.values(vitCases);
    const shard = new Vit(config!, { seed: 4, experts: { rank: 1, size: 2 } });
    const batch = microBatch(0);
    expect(() => shard.loss(batch)).toThrow(
      'dispatcher: expected one over the 2 ranks that share the experts out, got none; experts 2 to 3 of 4 are here',
    );
    tf.dispose([batch.pixels, batch.labels]);
    shard.dispose();
  });
});
