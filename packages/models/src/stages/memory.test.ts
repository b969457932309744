import { stepMemory, tensorMemory, useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Gpt, LongcatFlash } from '../index.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import type { LanguageModelLossOptions } from '../languageModel/LanguageModel.js';
import { hybrid, microBatch, rankCases } from '../testing/gptRanks.js';
import { recomputeModes } from './recompute.js';

const small: GptConfig = { vocabSize: 17, numLayers: 4, dModel: 16, numHeads: 2, sequenceLength: 12, ffnHidden: 24 };

const kinds: Record<string, GptConfig> = {
  dense: small,
  'top-2, swiglu, in every block': {
    ...small,
    numLayers: 2,
    placement: 'every',
    activation: 'swiglu',
    moe: { kind: 'top2', numExperts: 4 },
  },
  'shared, dropout': { ...small, dropout: 0.2, moe: { kind: 'shared', numExperts: 4 } },
  'scmoe with a capacity and noise': {
    ...small,
    moe: { kind: 'scmoe', numExperts: 4, capacityFactor: 1, noisy: true },
  },
  dgmoe: { ...small, moe: { kind: 'dgmoe', numExperts: 4 } },
  farskip: { ...small, moe: { kind: 'farskip', numExperts: 4 } },
  'gated delta networks': { ...small, ...hybrid, moe: { kind: 'top2', numExperts: 4 } },
};

beforeAll(async () => {
  await useBackend('auto', { threads: 1 });
});

describe('memory of a step without computing it', () => {
  const gpts = Object.entries(kinds).map(([name, config]) => [name, () => new Gpt(config, { seed: 4 })] as const);
  const longcat = () =>
    new LongcatFlash(rankCases['LongCat-Flash'] as ConstructorParameters<typeof LongcatFlash>[0], { seed: 4 });

  function stepOf(model: Gpt | LongcatFlash, options: LanguageModelLossOptions) {
    return () => {
      const batch = microBatch(0);
      const loss = () => model.loss(batch, { training: true, dropoutSeed: 7, ...options }).loss;
      const { value, grads } = valueAndGrads(loss, model.variables);
      tf.dispose([value, grads, batch.ids, batch.targets]);
    };
  }

  it.each<readonly [string, () => Gpt | LongcatFlash]>([...gpts, ['LongCat-Flash', longcat]])(
    'is that of computing it, to the byte: %s',
    async (_, makeModel) => {
      const model = makeModel();
      const values = () => Object.values(model.variables).map((variable) => variable.dataSync().slice());
      const before = values();
      const held = tensorMemory()!.bytes;
      for (const recompute of recomputeModes) {
        const step = stepOf(model, { recompute });
        const dry = await stepMemory(step);
        expect(dry.peakBytes).toBeGreaterThan(0);
        expect(await stepMemory(step, { isDry: false })).toEqual(dry);
      }
      expect(tensorMemory()!.bytes).toBe(held);
      expect(values()).toEqual(before);
      model.dispose();
    },
  );

  it('is as much for one sequence of 8,192 tokens as for 32 of 256: nothing is as large as the square of a sequence', async () => {
    const bytesOf = async (sequenceLength: number) => {
      const model = new Gpt(
        { ...small, sequenceLength, placement: 'every', moe: { kind: 'scmoe', numExperts: 4 } },
        { seed: 4 },
      );
      const shape: [number, number] = [8192 / sequenceLength, sequenceLength];
      const { peakBytes } = await stepMemory(() => {
        const [ids, targets] = [tf.zeros<tf.Rank.R2>(shape, 'int32'), tf.zeros<tf.Rank.R2>(shape, 'int32')];
        const { value, grads } = valueAndGrads(
          () => model.loss({ ids, targets }, { training: true }).loss,
          model.variables,
        );
        tf.dispose([value, grads, ids, targets]);
      });
      model.dispose();
      return peakBytes;
    };
    const [short, long] = [await bytesOf(256), await bytesOf(8192)];
    // A table of positions and its gradient are what a longer sequence has more of.
    expect(long - short).toBeLessThan(4 * 8192 * small.dModel * 4);
    expect(short).toBeGreaterThan(8192 * small.dModel * 4);
  });
});
