import { init, type Communicator } from '@scmoe/comm';
import { ExpertParallelDispatcher, OverlapController, type StageExecution } from '@scmoe/layer';
import { isRunningAgain, useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Gpt, LongcatFlash } from '../index.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import type { LanguageModelLossOptions } from '../languageModel/LanguageModel.js';
import { hybrid, microBatch, rankCases } from '../testing/gptRanks.js';
import type { RecomputeOptions } from './recompute.js';

const small: GptConfig = { vocabSize: 17, numLayers: 4, dModel: 16, numHeads: 2, sequenceLength: 12, ffnHidden: 24 };
const random = { dropout: 0.2, moe: { kind: 'scmoe', numExperts: 4, noisy: true, jitter: 0.1 } } as const;

const cases: Record<string, GptConfig> = {
  dense: small,
  'top-2 in every block, swiglu': {
    ...small,
    numLayers: 2,
    placement: 'every',
    activation: 'swiglu',
    moe: { kind: 'top2', numExperts: 4 },
  },
  'shared, cg2': { ...small, numLayers: 2, moe: { kind: 'shared', numExperts: 4, mix: 'cg2' } },
  'scmoe pos2 after pos1, dropout, noise and jitter': {
    ...small,
    ...random,
    moe: { ...random.moe, firstPosition: 'pos1' },
  },
  'scmoe pos3, capacity': {
    ...small,
    numLayers: 2,
    moe: { kind: 'scmoe', numExperts: 4, position: 'pos3', capacityFactor: 1 },
  },
  'gated delta networks and attention': { ...small, ...hybrid, moe: { kind: 'top2', numExperts: 4 } },
  'farskip, in pairs': { ...small, moe: { kind: 'farskip', numExperts: 4 } },
  dgmoe: { ...small, numLayers: 2, moe: { kind: 'dgmoe', numExperts: 4 } },
};

type Loss = (options: LanguageModelLossOptions) => tf.Scalar;

/** Value and gradients of one step, and the tensors that were held when the backward pass began. */
function step(model: Gpt | LongcatFlash, options: LanguageModelLossOptions) {
  const batch = microBatch(0);
  let held = 0;
  const loss: Loss = (given) => {
    const result = model.loss(batch, { training: true, dropoutSeed: 7, ...given }).loss;
    held = tf.memory().numTensors;
    return result;
  };
  const { value, grads } = valueAndGrads(() => loss(options), model.variables);
  const read = Object.entries(grads).map(([name, grad]) => [name, grad.dataSync<'float32'>().slice()]);
  const outcome = { value: value.dataSync()[0]!, grads: Object.fromEntries(read) as Record<string, Float32Array> };
  tf.dispose([value, grads, batch.ids, batch.targets]);
  return { outcome, held };
}

beforeAll(async () => {
  await useBackend('auto', { threads: 1 });
});

describe('a step that computes twice', () => {
  const models = Object.entries(cases).map(([name, config]) => [name, () => new Gpt(config, { seed: 4 })] as const);
  const longcat = () =>
    new LongcatFlash(rankCases['LongCat-Flash'] as ConstructorParameters<typeof LongcatFlash>[0], { seed: 4 });

  it.each<readonly [string, () => Gpt | LongcatFlash]>([...models, ['LongCat-Flash', longcat]])(
    'gives the same bits and holds less: %s',
    (_, makeModel) => {
      const model = makeModel();
      const before = tf.memory().numTensors;
      const plain = step(model, {});
      for (const recompute of ['selective', 'block'] as const) {
        const { outcome, held } = step(model, { recompute });
        expect(outcome).toEqual(plain.outcome);
        expect(held).toBeLessThan(plain.held);
      }
      expect(tf.memory().numTensors).toBe(before);
      model.dispose();
    },
  );

  it('refuses a mode that there is not', () => {
    const model = new Gpt(small, { seed: 4 });
    const options = { recompute: 'all' } as unknown as RecomputeOptions;
    expect(() => step(model, options)).toThrow(/^recompute: expected one of off, selective, block, got "all"$/);
    model.dispose();
  });
});

describe('exchanges of a step that computes twice', () => {
  const config: GptConfig = { ...small, moe: { kind: 'scmoe', numExperts: 4 } };
  let alone: Communicator;
  let model: Gpt;
  beforeAll(async () => {
    alone = await init({ engine: 'self' });
    model = new Gpt(config, { seed: 4 });
  });
  afterAll(async () => {
    model.dispose();
    await alone.close();
  });

  /** The communicator, and what was asked of it; `whenAgain` hears of what is asked in a second pass. */
  function counted(whenAgain: () => void) {
    const calls = { allToAllV: 0, allToAll: 0 };
    const hear = (name: keyof typeof calls) => {
      calls[name]++;
      if (isRunningAgain()) whenAgain();
    };
    const communicator = {
      rank: 0,
      size: 1,
      allToAll: (...args: Parameters<Communicator['allToAll']>) => (hear('allToAll'), alone.allToAll(...args)),
      allToAllV: (...args: Parameters<Communicator['allToAllV']>) => (hear('allToAllV'), alone.allToAllV(...args)),
    } as unknown as Communicator;
    return { dispatcher: new ExpertParallelDispatcher({ communicator, numExperts: 4 }), calls };
  }
  const numStages = 2;
  const plain = () =>
    step(
      model,
      counted(() => undefined),
    ).outcome;
  const inSlot = (slot: number | 'off') => new OverlapController({ mode: slot });

  it.each<[string, RecomputeOptions, number | 'off']>([
    ['selective', { recompute: 'selective' }, 1],
    ['block, all kept', { recompute: 'block' }, 1],
    ['block, the exposed ones kept, nothing beside them', { recompute: 'block', keepExchanges: 'exposed' }, 'off'],
  ])('happen four times in a layer, none of them in a second pass: %s', (_, options, slot) => {
    const { dispatcher, calls } = counted(() => {
      throw new Error('an exchange ran twice');
    });
    const { outcome } = step(model, { dispatcher, overlap: inSlot(slot), ...options });
    expect(calls).toEqual({ allToAllV: 4 * numStages, allToAll: numStages });
    expect(outcome).toEqual(plain());
  });

  it.each<[string, RecomputeOptions, number | 'off']>([
    ['off', { recompute: 'block', keepExchanges: 'off' }, 'off'],
    ['the exposed ones, where the backbone works beside them', { recompute: 'block', keepExchanges: 'exposed' }, 1],
  ])('happen six times where they are not kept, row counts once: %s', (_, options, slot) => {
    const { dispatcher, calls } = counted(() => undefined);
    const { outcome } = step(model, { dispatcher, overlap: inSlot(slot), ...options });
    expect(calls).toEqual({ allToAllV: 6 * numStages, allToAll: numStages });
    expect(outcome).toEqual(plain());
  });

  it('are watched as those of one pass', () => {
    const steps: string[] = [];
    const execution: StageExecution = {
      ...inSlot(1).stage(0, { training: true }),
      observer: {
        begin: ({ action, operator }, phase) => steps.push(`${phase} ${action} ${operator}`),
        end: () => undefined,
      },
    };
    const { dispatcher } = counted(() => undefined);
    step(model, { dispatcher, overlap: { stage: () => execution }, recompute: 'block' });
    const of = (phase: string, what: string) => steps.filter((each) => each === `${phase} ${what}`).length;
    expect([of('forward', 'run expert'), of('recompute', 'run expert'), of('forward', 'start dispatch')]).toEqual([
      2, 2, 2,
    ]);
    expect([
      of('backward', 'start dispatch'),
      of('backward', 'start combine'),
      of('recompute', 'start dispatch'),
    ]).toEqual([2, 2, 0]);
  });
});
