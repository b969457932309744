import { init, type Communicator } from '@scmoe/comm';
import { ExpertParallelDispatcher, OverlapController } from '@scmoe/layer';
import { useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Gpt, savePretrained } from '../index.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import type { LanguageModelLossOptions } from '../languageModel/LanguageModel.js';
import { expectGradientsOf } from '../testing/centralDifferences.js';
import { microBatch } from '../testing/gptRanks.js';
import { useModel } from '../testing/useModel.js';

const small: GptConfig = { vocabSize: 17, numLayers: 4, dModel: 16, numHeads: 2, sequenceLength: 12, ffnHidden: 24 };
const ahead: GptConfig = { ...small, routerAhead: true, moe: { kind: 'scmoe', numExperts: 4 } };
const top2: GptConfig = {
  ...small,
  routerAhead: true,
  placement: 'every',
  positionEncoding: 'rotary',
  activation: 'swiglu',
  norm: 'rms',
  moe: { kind: 'top2', numExperts: 4 },
};
const cases: [string, GptConfig][] = [
  ['scmoe', ahead],
  ['top-2 in every block, rotary, swiglu', top2],
  ['a capacity', { ...ahead, moe: { kind: 'shared', numExperts: 4, topK: 2, capacityFactor: 1 } }],
  ['sigmoid scores, zero experts', { ...top2, moe: { ...top2.moe!, scoreFunction: 'sigmoid', numZeroExperts: 1 } }],
  ['experts in one block', { ...top2, moe: { ...top2.moe!, blocks: [2] } }],
];

let hasOwnProducts = true;
beforeAll(async () => {
  const { line } = await useBackend('auto', { threads: 1 });
  hasOwnProducts = !line.includes('oneDNN');
});

/** Loss and gradients of a step of a model of the same seed. */
function step(config: GptConfig, options: LanguageModelLossOptions = {}) {
  return useModel(new Gpt(config, { seed: 4 }), (model) => {
    const { value, grads } = valueAndGrads(() => model.loss(microBatch(0), options).loss, model.variables);
    const read = Object.entries(grads).map(([name, grad]) => [name, [...grad.dataSync<'float32'>()]] as const);
    return { loss: value.dataSync()[0]!, grads: Object.fromEntries(read) };
  });
}

/** The farthest that gradients of two steps are apart. */
function farthest(some: ReturnType<typeof step>, others: ReturnType<typeof step>): number {
  const apart = Object.entries(others.grads).flatMap(([name, grad]) =>
    grad.map((value, i) => Math.abs(some.grads[name]![i]! - value)),
  );
  return Math.max(...apart);
}

describe('a router before the first block', () => {
  it.each(cases)('chooses once for all blocks, and is trained as they are: %s', (_, config) => {
    useModel(new Gpt(config, { seed: 4 }), (model) => {
      const names = Object.keys(model.variables);
      expect(names.filter((name) => /^block\d\.router/.test(name))).toEqual([]);
      expect(names).toContain('routerAhead.router.weight');
      expect(model.routerNames).toEqual(['routerAhead.router']);
      const batch = microBatch(0);
      expect(model.loss(batch).routings).toHaveLength(1);
      const { grads } = valueAndGrads(() => model.loss(batch).loss, model.variables);
      const none = Object.entries(grads).filter(([, grad]) => tf.max(tf.abs(grad)).dataSync()[0] === 0);
      expect(none.map(([name]) => name)).toEqual([]);
    });
  });

  it('has the gradients of its loss', () => {
    const config: GptConfig = { ...ahead, numLayers: 2, moe: { kind: 'shared', numExperts: 3, topK: 3 } };
    useModel(new Gpt(config, { seed: 4 }), (model) => {
      const batch = microBatch(0);
      const own = Object.entries(model.variables).filter(([name]) => name.startsWith('routerAhead.'));
      // What a norm reads is large beside the step then.
      for (const variable of Object.values(model.variables)) variable.assign(tf.mul(variable, 8));
      expectGradientsOf(Object.fromEntries(own), () => model.loss(batch).loss);
    });
  });

  it('costs what its parameters say', () => {
    useModel(new Gpt(ahead, { seed: 4 }), (model) => {
      const sizes = Object.values(model.variables).map(({ size }) => size);
      expect(model.numParameters()).toBe(sizes.reduce((sum, size) => sum + size, 0));
    });
  });

  it.each(cases)('generates what a pass over the whole text foretells: %s', async (_, config) => {
    const model = new Gpt({ ...config, moe: { ...config.moe!, capacityFactor: 0 } }, { seed: 4 });
    for (const variable of Object.values(model.variables)) variable.assign(tf.mul(variable, 4));
    const text = await model.generate([3, 1, 4, 1], { maxNewTokens: 7, temperature: 0 });
    tf.tidy(() => {
      const ids = tf.tensor2d([[3, 1, 4, 1, ...text]], undefined, 'int32');
      const likely = [...tf.argMax(model.forward(ids).logits, 2).dataSync()].slice(3, 10);
      expect(text).toEqual(likely);
      const first = model.forward(ids.slice([0, 0], [1, 6]), { keepCache: true });
      const rest = model.forward(ids.slice([0, 6], [1, 5]), { past: first.cache });
      const parts = [first, rest].flatMap(({ logits }) => [...tf.argMax(logits, 2).dataSync()]);
      expect(parts.slice(3, 10)).toEqual(likely);
    });
    model.dispose();
  });

  it('does not look ahead', () => {
    useModel(new Gpt(top2, { seed: 4 }), (model) => {
      const scores = (last: number) =>
        model
          .forward(tf.tensor2d([[3, 1, 4, last]], undefined, 'int32'))
          .logits.slice([0, 0], [1, 3])
          .dataSync();
      expect(scores(5)).toEqual(scores(6));
    });
  });

  it.each(['selective', 'block'] as const)('gives the same bits where a step computes twice: %s', (recompute) => {
    const config: GptConfig = { ...ahead, dropout: 0.2, moe: { ...ahead.moe!, noisy: true, jitter: 0.1 } };
    const options = { training: true, dropoutSeed: 7 };
    expect(step(config, { ...options, recompute })).toEqual(step(config, options));
  });

  it('leaves no tensors behind', () => {
    const before = tf.memory().numTensors;
    step(ahead, { recompute: 'block', overlap: new OverlapController({ mode: 1, chunks: 2 }) });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('moves its correction bias towards an even load', () => {
    const config: GptConfig = { ...top2, moe: { ...top2.moe!, correctionBias: true } };
    useModel(new Gpt(config, { seed: 4 }), (model) => {
      expect(Object.keys(model.buffers)).toEqual(['routerAhead.router.correctionBias']);
      const { routings } = model.forward(microBatch(0).ids);
      const [load] = Object.values(model.routerLoads(routings)).map((each) => [...each.dataSync()]);
      model.updateCorrectionBias(model.routerLoads(routings), { updateRate: 0.5 });
      const bias = model.buffers['routerAhead.router.correctionBias']!.dataSync();
      const even = load!.reduce((sum, each) => sum + each, 0) / 4;
      expect([...bias].map(Math.sign)).toEqual(load!.map((each) => Math.sign(even - each)));
      model.updateCorrectionBias(model.routerQuantiles(routings), { rule: 'quantile' });
    });
  });
});

describe('the exchanges of a model with a router ahead', () => {
  let communicator: Communicator;
  beforeAll(async () => {
    communicator = await init({ engine: 'self' });
  });
  afterAll(() => communicator.close());

  /** A step over ranks, of which there is one, and how often row counts were exchanged. */
  function stepOverRanks(config: GptConfig, options: LanguageModelLossOptions = {}) {
    let numExchanges = 0;
    const counting = new Proxy(communicator, {
      get: (target, name: keyof Communicator) => {
        if (name === 'allToAll') numExchanges++;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    const dispatcher = new ExpertParallelDispatcher({ communicator: counting, numExperts: 4 });
    return { outcome: step(config, { ...options, dispatcher }), numExchanges };
  }

  it('need one of row counts for all layers, where routers of their own need one each', () => {
    expect(stepOverRanks({ ...ahead, routerAhead: false }).numExchanges).toBe(2);
    const { outcome, numExchanges } = stepOverRanks(ahead);
    expect(numExchanges).toBe(1);
    expect(outcome).toEqual(step(ahead));
  });

  it.each([
    ['tokens in two parts', { chunks: 2 }],
    ['tokens and experts in two parts', { chunks: 2, expertChunks: 2 }],
  ] as const)('need one as well in parts, and give the same: %s', (_, cut) => {
    for (const config of [ahead, { ...ahead, moe: { ...ahead.moe!, capacityFactor: 1 } }]) {
      const overlap = () => new OverlapController({ mode: 1, ...cut, expertsPerRank: 4 });
      const alone = step(config, { overlap: overlap() });
      const dropless = config.moe!.capacityFactor === undefined;
      for (const recompute of ['off', 'block'] as const) {
        const { outcome, numExchanges } = stepOverRanks(config, { overlap: overlap(), recompute });
        expect(numExchanges).toBe(dropless ? 1 : 0);
        if (dropless || hasOwnProducts) expect(outcome).toEqual(alone);
        // The slots of ranks are filled up to the capacity: products of more rows, which oneDNN may sum otherwise.
        else expect(farthest(outcome, alone)).toBeLessThan(1e-6);
      }
      const whole = step(config);
      expect(alone.loss).toBeCloseTo(whole.loss, 6);
      expect(farthest(alone, whole)).toBeLessThan(1e-5);
    }
  });

  it('wait for no router in a layer: its gate costs a norm alone', () => {
    const seen: string[] = [];
    const overlap = {
      stage: () => ({
        chunks: 1,
        plan: (operators: readonly { name: string; kind: string; cost?: unknown }[]) => {
          seen.push(...operators.map(({ name }) => name));
          return new OverlapController({ mode: 1 }).stage(0).plan(operators as never);
        },
      }),
    };
    expect(step(ahead, { overlap })).toEqual(step(ahead));
    expect(seen).toContain('gate');
  });
});

describe('resolving a router ahead', () => {
  const refuse = (change: Partial<GptConfig>) => () => new Gpt({ ...ahead, ...change }, { seed: 1 });
  it.each<[string, Partial<GptConfig>, RegExp]>([
    [
      'a dense model',
      { moe: { kind: 'dense' } },
      /^routerAhead: expected false for a model without experts, got true$/,
    ],
    ['no experts at all', { moe: undefined }, /^routerAhead: expected false for a model without experts/],
    ['no block with experts', { moe: { kind: 'top1', numExperts: 4, blocks: [] } }, /^routerAhead: expected false/],
    ['DGMoE', { moe: { kind: 'dgmoe', numExperts: 4 } }, /^routerAhead: expected false for the kind 'dgmoe'/],
    [
      'jitter of what experts read',
      { moe: { ...ahead.moe!, jitter: 0.1, jitterExperts: true } },
      /^jitterExperts: expected false with routerAhead/,
    ],
    [
      'a width that its heads do not divide',
      { routerAheadWidth: 12 },
      /^routerAheadWidth: expected a multiple of 8, got 12$/,
    ],
    ['a width of nothing', { routerAheadWidth: 0 }, /^routerAheadWidth: expected an integer >= 8, got 0$/],
    ['a width without it', { routerAhead: false, routerAheadWidth: 8 }, /^routerAheadWidth: expected none without/],
    ['no answer', { routerAhead: 1 as unknown as boolean }, /^routerAhead: expected true or false, got 1$/],
  ])('refuses %s', (_, change, message) => {
    expect(refuse(change)).toThrow(message);
  });

  it('is in no public format', async () => {
    const model = new Gpt(top2, { seed: 1 });
    await expect(savePretrained(model, '/nowhere')).rejects.toThrow(
      /^no public format has what this model has. routerAhead: expected false, as in every public format, got true$/,
    );
    model.dispose();
  });
});
