import { init, type Communicator } from '@scmoe/comm';
import {
  below,
  ExpertParallelDispatcher,
  normalize,
  OverlapController,
  runBlock,
  runMoe,
  type ParameterRecord,
} from '@scmoe/layer';
import { useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import { resolveGpt, type GptConfig } from '../gpt/GptConfig.js';
import type { LanguageModelLossOptions } from '../languageModel/LanguageModel.js';
import { microBatch } from '../testing/gptRanks.js';
import { resolveVit, type VitConfig } from '../vit/VitConfig.js';
import { Vit } from '../vit/Vit.js';

const small: GptConfig = { vocabSize: 17, numLayers: 4, dModel: 16, numHeads: 2, sequenceLength: 12, ffnHidden: 24 };
const cases: Record<string, GptConfig> = {
  'in pairs': { ...small, moe: { kind: 'farskip', numExperts: 4 } },
  'in every block': { ...small, placement: 'every', numLayers: 3, moe: { kind: 'farskip', numExperts: 4, mix: 'cg2' } },
  'in some blocks, top-2 without a shared expert, swiglu': {
    ...small,
    placement: 'every',
    connectivity: 'farskip',
    activation: 'swiglu',
    norm: 'rms',
    moe: { kind: 'top2', numExperts: 4, blocks: [0, 2] },
  },
};

/** Loss and gradients of one step. */
function step(model: Gpt, options: LanguageModelLossOptions = {}) {
  const batch = microBatch(0);
  const { value, grads } = valueAndGrads(() => model.loss(batch, { training: true, ...options }).loss, model.variables);
  const read = Object.entries(grads).map(([name, grad]) => [name, grad.dataSync<'float32'>().slice()]);
  const outcome = { value: value.dataSync()[0]!, grads: Object.fromEntries(read) as Record<string, Float32Array> };
  tf.dispose([value, grads, batch.ids, batch.targets]);
  return outcome;
}

let alone: Communicator;
beforeAll(async () => {
  await useBackend('auto', { threads: 1 });
  alone = await init({ engine: 'self' });
});
afterAll(() => alone.close());

describe('FarSkip connectivity', () => {
  it('feeds attention what needs no waiting, and experts what the block got, all of it', () => {
    // Blocks in regular connectivity, put together as the paper writes: attn-in = o - routed, mlp-in = o.
    const config: GptConfig = { ...cases['in every block']!, numLayers: 3 };
    const model = new Gpt(config, { seed: 5 });
    const { stages } = resolveGpt(config);
    const { ids, targets } = microBatch(0);
    tf.tidy(() => {
      const { hiddenStates } = model.forward(ids, { keepHiddenStates: true });
      const positions = tf.slice(model.variables['positions']!, [0, 0], [6, 16]);
      let full: tf.Tensor = tf.add(tf.gather(model.variables['embedding']!, ids), positions);
      let withoutRouted = full;
      stages.forEach(({ name, config }, index) => {
        const own = below(model.variables, name);
        const { moe } = config;
        // A dense block whose MLP adds nothing is its attention.
        const attended = tf.sub(attentionOf(withoutRouted as tf.Tensor3D, own, config), withoutRouted);
        const u = normalize(full as tf.Tensor3D, below(own, 'normMoe'), config);
        const both = runMoe(u, own, { ...moe!, shared: moe!.shared }).y;
        const routedAlone = runMoe(u, own, { ...moe!, shared: undefined }).y;
        const coefficients = tf.softmax(tf.matMul(tf.reshape(u, [-1, 16]), own['mix.weight'] as tf.Tensor2D));
        const ofRouted = tf.reshape(tf.slice(coefficients, [0, 1], [-1, 1]), [2, 6, 1]);
        const routed = tf.mul(routedAlone, ofRouted);
        withoutRouted = tf.addN([full, attended, tf.sub(both, routed)]);
        full = tf.addN([full, attended, both]);
        const difference = tf.max(tf.abs(tf.sub(hiddenStates![index]!, full))).dataSync()[0]!;
        expect(difference).toBeLessThan(1e-5);
      });
    });
    tf.dispose([ids, targets]);
    model.dispose();
  });

  it.each(Object.entries(cases))('is off by a switch, which leaves the model as it was: %s', (_, config) => {
    const kind = config.moe!.kind === 'farskip' ? 'shared' : config.moe!.kind;
    const { connectivity: _connectivity, ...rest } = config;
    const plain = new Gpt({ ...rest, moe: { ...config.moe!, kind } }, { seed: 4 });
    const off = new Gpt({ ...config, connectivity: 'regular' }, { seed: 4 });
    const on = new Gpt(config, { seed: 4 });
    expect(Object.keys(on.variables)).toEqual(Object.keys(plain.variables));
    expect(step(off)).toEqual(step(plain));
    expect(step(on).value).not.toBe(step(plain).value);
    for (const model of [plain, off, on]) model.dispose();
  });

  it.each(Object.entries(cases))('gives the same bits in every overlap slot, and frees all: %s', (_, config) => {
    const model = new Gpt(config, { seed: 4 });
    const dispatcher = new ExpertParallelDispatcher({ communicator: alone, numExperts: 4 });
    const before = tf.memory().numTensors;
    const sequential = step(model, { dispatcher });
    for (const slot of [0, 1, 2])
      for (const expertChunks of [1, 2]) {
        const overlap = new OverlapController({ mode: slot, expertChunks, expertsPerRank: 4 });
        expect(step(model, { dispatcher, overlap })).toEqual(sequential);
      }
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('lets what is routed travel behind the attention of the next stage, there and back', () => {
    const model = new Gpt(cases['in every block']!, { seed: 4 });
    const steps: string[] = [];
    const overlap = {
      stage: (index: number) => ({
        ...new OverlapController({ mode: 1 }).stage(index, { training: true }),
        observer: {
          begin: ({ action, operator }: { action: string; operator: string }, phase: string) =>
            steps.push(`${phase} ${action} ${operator} ${index}`),
          end: () => undefined,
        },
      }),
    };
    step(model, { dispatcher: new ExpertParallelDispatcher({ communicator: alone, numExperts: 4 }), overlap });
    const between = (begin: string, end: string) => steps.slice(steps.indexOf(begin) + 1, steps.indexOf(end));
    expect(between('forward start combine 0', 'forward wait combine 0')).toEqual([
      'forward run sharedExpert 0',
      'forward run output 0',
      'forward run attention 1',
    ]);
    // Gradients mirror it: the wait starts the exchange back, the start waits.
    expect(between('backward start combine 0', 'backward wait combine 0')).toEqual(
      expect.arrayContaining(['backward run attention 1']),
    );
    expect(between('forward start dispatch 1', 'forward wait dispatch 1')).toEqual(['forward run sharedExpert 1']);
    model.dispose();
  });

  it.each(Object.entries(cases))('drops out alike in what is pending and what is not: %s', (_, config) => {
    const model = new Gpt({ ...config, dropout: 0.3 }, { seed: 4 });
    const [one, same, other] = [1, 1, 2].map((dropoutSeed) => step(model, { dropoutSeed }).value);
    expect(same).toBe(one);
    expect(other).not.toBe(one);
    model.dispose();
  });

  it.each(Object.entries(cases))('writes with a cache what the whole sequence says: %s', async (_, config) => {
    const model = new Gpt(config, { seed: 4 });
    const whole = (ids: number[]) =>
      tf.tidy(() => {
        const { logits } = model.forward(tf.tensor2d([ids], undefined, 'int32'), { keepCache: true });
        const scores = [...logits.dataSync<'float32'>().slice(-17)];
        return scores.indexOf(Math.max(...scores));
      });
    const expected = [3, 1, 4];
    while (expected.length < 9) expected.push(whole(expected));
    expect(await model.generate([3, 1, 4], { maxNewTokens: 6, temperature: 0 })).toEqual(expected.slice(3));
    model.dispose();
  });

  it.each<[string, GptConfig, RegExp]>([
    [
      'gates with a shortcut',
      { ...small, connectivity: 'farskip', moe: { kind: 'scmoe', numExperts: 4 } },
      /^connectivity: expected regular with kind 'scmoe', whose gate has a shortcut already, got "farskip"$/,
    ],
    [
      'a norm on the sum',
      { ...small, moe: { kind: 'farskip', numExperts: 4, postNorm: true } },
      /^connectivity: expected regular with postNorm/,
    ],
    [
      'norms behind',
      { ...small, placement: 'every', normPlacement: 'after', moe: { kind: 'farskip', numExperts: 4 } },
      /^connectivity: expected regular with normPlacement 'after'/,
    ],
    [
      'what there is not',
      { ...small, connectivity: 'far' as 'farskip' },
      /^connectivity: expected one of regular, farskip, got "far"$/,
    ],
  ])('refuses %s', (_, config, message) => {
    expect(() => resolveGpt(config)).toThrow(message);
  });
});

describe('a ViT in FarSkip connectivity', () => {
  const config: VitConfig = {
    imageSize: 8,
    patchSize: 4,
    numClasses: 3,
    numLayers: 4,
    dModel: 12,
    numHeads: 2,
    moe: { kind: 'farskip', numExperts: 4 },
  };

  it('classifies, and looks with its last attention at what that one reads', () => {
    expect(resolveVit(config).stages.map(({ config }) => config.connectivity)).toEqual(['farskip', 'farskip']);
    const model = new Vit(config, { seed: 3 });
    tf.tidy(() => {
      const pixels = tf.randomUniform<tf.Rank.R4>([2, 8, 8, 3], 0, 1, 'float32', 5);
      const { logits } = model.forward(pixels);
      expect(logits.shape).toEqual([2, 3]);
      const shares = model.attentionToPatches(pixels);
      for (const sum of tf.sum(shares, 1).dataSync()) expect(sum).toBeCloseTo(1, 5);
    });
    model.dispose();
  });
});

/** x + attention(norm(x)) of a block, by a dense one whose MLP adds nothing. */
function attentionOf(x: tf.Tensor3D, own: ParameterRecord, config: Parameters<typeof runBlock>[2]): tf.Tensor3D {
  const none = { w1: [16, 1], b1: [1], w2: [1, 16], b2: [16] };
  const mlp = Object.entries(none).map(([name, shape]) => [`mlp.${name}`, tf.zeros(shape)] as const);
  const norm = Object.entries(below(own, 'normMoe')).map(([name, value]) => [`normMlp.${name}`, value] as const);
  const parameters = { ...own, ...Object.fromEntries([...mlp, ...norm]) };
  return runBlock(x, parameters, { ...config, connectivity: 'regular', moe: undefined, ffnHidden: 1 }).y;
}
