import { valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { useModel } from '../testing/useModel.js';
import { withoutHostReads } from '../testing/withoutHostReads.js';
import { Gpt } from './Gpt.js';
import type { GptConfig, GptMoeConfig } from './GptConfig.js';

const small: GptConfig = { vocabSize: 17, numLayers: 4, dModel: 16, numHeads: 2, sequenceLength: 12, ffnHidden: 24 };
const scmoe: GptMoeConfig = { kind: 'scmoe', numExperts: 4 };
const ids = (batch: number, length: number, seed = 1) =>
  tf.randomUniform<tf.Rank.R2>([batch, length], 0, 17, 'int32', seed);

const withModel = <T>(config: GptConfig, use: (model: Gpt) => T): T => useModel(new Gpt(config, { seed: 4 }), use);

describe('Gpt', () => {
  it('starts from a loss near that of guessing, the same for the same seed', () => {
    const loss = () =>
      withModel({ ...small, moe: scmoe }, (model) => {
        const { crossEntropy } = model.loss({ ids: ids(2, 12), targets: ids(2, 12, 2) });
        return crossEntropy.dataSync()[0]!;
      });
    expect(loss()).toBeCloseTo(Math.log(17), 1);
    expect(loss()).toBe(loss());
  });

  const variants: [string, Partial<GptConfig>, number][] = [
    ['dense', {}, 0],
    ['top1', { moe: { kind: 'top1', numExperts: 4 } }, 2],
    ['top2', { moe: { kind: 'top2', numExperts: 4 } }, 2],
    ['standard top-3', { moe: { kind: 'standard', numExperts: 4, topK: 3 } }, 2],
    ['shared', { moe: { kind: 'shared', numExperts: 4, mix: 'cg2' } }, 2],
    ['scmoe, L0 pos1', { moe: { ...scmoe, firstPosition: 'pos1' } }, 2],
    ['dgmoe', { moe: { kind: 'dgmoe', numExperts: 4 } }, 4],
    ['dense in every block', { placement: 'every', numLayers: 3 }, 0],
    ['top2 in every block', { placement: 'every', moe: { kind: 'top2', numExperts: 4 } }, 4],
    ['shared in one block', { placement: 'every', moe: { kind: 'shared', numExperts: 4, blocks: [2] } }, 1],
    ['scmoe in every block', { placement: 'every', moe: scmoe }, 4],
    ['dgmoe in every block', { placement: 'every', moe: { kind: 'dgmoe', numExperts: 4 } }, 8],
    ['biases on q, k and v, none in MLPs', { attentionBias: 'qkv', ffnBias: false, moe: scmoe }, 2],
    [
      'sigmoid scores, zero experts',
      {
        placement: 'every',
        moe: { kind: 'standard', numExperts: 4, topK: 3, scoreFunction: 'sigmoid', numZeroExperts: 2 },
      },
      4,
    ],
    [
      'scmoe, rotary, grouped keys, untied, swiglu, rms',
      {
        moe: scmoe,
        positionEncoding: 'rotary',
        numKvHeads: 1,
        tiedEmbeddings: false,
        activation: 'swiglu',
        norm: 'rms',
      },
      2,
    ],
  ];
  it.each(variants)('gives every parameter a gradient: %s', (_, change, numRoutings) => {
    withModel({ ...small, ...change }, (model) => {
      const batch = { ids: ids(2, 12), targets: ids(2, 12, 2) };
      const result = model.forward(batch.ids);
      expect(result.logits.shape).toEqual([2, 12, 17]);
      expect(result.routings).toHaveLength(numRoutings);
      const { grads } = valueAndGrads(() => model.loss(batch).loss, model.variables);
      const none = Object.entries(grads).filter(([, g]) => tf.max(tf.abs(g)).dataSync()[0] === 0);
      expect(none.map(([name]) => name)).toEqual([]);
    });
  });

  it('weighs the load-balance loss, summed over the pairs', () => {
    withModel({ ...small, moe: { ...scmoe, loadBalanceCoefficient: 0.5 } }, (model) => {
      const result = model.loss({ ids: ids(2, 12), targets: ids(2, 12, 2) });
      const [loss, crossEntropy, auxiliary] = [result.loss, result.crossEntropy, result.loadBalance].map(
        (scalar) => scalar.dataSync()[0]!,
      );
      expect(loss).toBeCloseTo(crossEntropy! + 0.5 * auxiliary!, 5);
      expect(auxiliary).toBeGreaterThan(1.5);
    });
  });

  it('adds every loss of the routers that has a coefficient', () => {
    const coefficients = { sequenceBalanceCoefficient: 0.2, importanceCoefficient: 0.3, zLossCoefficient: 0.4 };
    withModel({ ...small, moe: { ...scmoe, loadBalanceCoefficient: 0.1, ...coefficients } }, (model) => {
      const result = model.loss({ ids: ids(2, 12), targets: ids(2, 12, 2) });
      const value = (scalar: tf.Scalar | undefined) => scalar!.dataSync()[0]!;
      const { sequenceBalance, importance, zLoss } = result.routerLosses;
      expect(value(sequenceBalance)).toBeGreaterThan(1.9);
      // The logits of a fresh router are near 0: the square of log(4) in both layers.
      expect(value(zLoss)).toBeCloseTo(2 * Math.log(4) ** 2, 1);
      const weighted = 0.1 * value(result.loadBalance) + 0.2 * value(sequenceBalance) + 0.3 * value(importance);
      expect(value(result.loss)).toBeCloseTo(value(result.crossEntropy) + weighted + 0.4 * value(zLoss), 5);
    });
    withModel({ ...small, moe: scmoe }, (model) => {
      expect(model.loss({ ids: ids(2, 12), targets: ids(2, 12, 2) }).routerLosses).toEqual({});
    });
  });

  it('balances all layers together where asked to: topK when balanced', () => {
    const moe: GptMoeConfig = { kind: 'top2', numExperts: 4, balance: 'allLayers' };
    withModel({ ...small, moe }, (model) => {
      const { loadBalance, routings } = model.forward(ids(2, 12));
      expect(loadBalance.dataSync()[0]).toBeCloseTo(2, 1);
      const [scores, loads] = [
        routings.map((r) => r.scores.arraySync()).flat(),
        routings.map((r) => r.load.arraySync()),
      ];
      const expected = [0, 1, 2, 3].reduce((sum, e) => {
        const mean = scores.reduce((total, row) => total + row[e]!, 0) / 48;
        return sum + (4 * mean * (loads[0]![e]! + loads[1]![e]!)) / 48;
      }, 0);
      expect(loadBalance.dataSync()[0]).toBeCloseTo(expected, 5);
    });
  });

  it('keeps what no gradient trains apart, and moves it towards an even load', () => {
    const moe: GptMoeConfig = { kind: 'top2', numExperts: 4, correctionBias: true };
    withModel({ ...small, placement: 'every', moe: { ...moe, blocks: [1, 3] } }, (model) => {
      const names = ['block1.router.correctionBias', 'block3.router.correctionBias'];
      expect(Object.keys(model.buffers)).toEqual(names);
      expect(Object.keys(model.variables).filter((name) => name.endsWith('correctionBias'))).toEqual([]);
      expect(model.buffers[names[0]!]!.trainable).toBe(false);
      const spread = () => {
        const loads = model.routerLoads(model.forward(ids(4, 12)).routings);
        expect(Object.keys(loads)).toEqual(names);
        return { loads, largest: Math.max(...Object.values(loads).flatMap((load) => load.arraySync())) };
      };
      const before = spread();
      // Steps well below the differences between the scores of a fresh router, about 0.02.
      for (let step = 0; step < 40; step++)
        tf.tidy(() => model.updateCorrectionBias(spread().loads, { updateRate: 0.001 }));
      expect(spread().largest).toBeLessThan(before.largest);
      expect(() => model.updateCorrectionBias({})).toThrow(
        "loads: expected those of 'block1.router.correctionBias', got none",
      );
    });
  });

  it('moves biases to where the load is even, by quantiles', () => {
    const moe: GptMoeConfig = { kind: 'top2', numExperts: 4, correctionBias: true };
    withModel({ ...small, moe }, (model) => {
      model.expectBalanceRule('quantile');
      const batch = ids(4, 12);
      const largest = () =>
        Math.max(
          ...Object.values(model.routerLoads(model.forward(batch).routings)).flatMap((load) => load.arraySync()),
        );
      const before = largest();
      for (let step = 0; step < 5; step++)
        tf.tidy(() => {
          const quantiles = model.routerQuantiles(model.forward(batch).routings);
          expect(Object.keys(quantiles)).toEqual(Object.keys(model.buffers));
          // Of four experts, and a count of the batch.
          for (const own of Object.values(quantiles)) expect([own.size, own.dataSync()[4]]).toEqual([5, 1]);
          model.updateCorrectionBias(quantiles, { rule: 'quantile' });
        });
      // 48 tokens of 2 choices each over 4 experts: 24 is even.
      expect(before).toBeGreaterThan(30);
      expect(largest()).toBeLessThan(29);
    });
    const dual: GptMoeConfig = { kind: 'dgmoe', numExperts: 4, correctionBias: true };
    withModel({ ...small, moe: dual }, (model) => {
      expect(() => model.expectBalanceRule('sign')).not.toThrow();
      for (const use of [() => model.expectBalanceRule('quantile'), () => model.routerQuantiles([])])
        expect(use).toThrow('kind: expected one whose tokens choose once with the bias rule \'quantile\', got "dgmoe"');
    });
  });

  it('is noisy in training alone, by the seed of the step', () => {
    withModel({ ...small, moe: { ...scmoe, noisy: true } }, (model) => {
      const batch = { ids: ids(2, 12), targets: ids(2, 12, 2) };
      const scores = (dropoutSeed?: number) =>
        model.loss(batch, { training: dropoutSeed !== undefined, dropoutSeed }).routings[1]!.logits.dataSync();
      expect(scores()).toEqual(scores());
      expect(scores(1)).toEqual(scores(1));
      expect(scores(1)).not.toEqual(scores(2));
      expect(() => model.loss(batch, { training: true })).toThrow(
        /dropoutSeed: expected a seed .* a noisy router, got/,
      );
    });
  });

  it('can be made from given parameters, which stay what they are', () => {
    const config = { ...small, moe: { ...scmoe, correctionBias: true } };
    const model = new Gpt(config, { seed: 4 });
    const parameters = { ...model.variables, ...model.buffers };
    const copy = new Gpt(config, { parameters });
    const scores = (of: Gpt) => tf.tidy(() => of.forward(ids(1, 5)).logits.dataSync());
    expect(scores(copy)).toEqual(scores(model));
    copy.variables['embedding']!.assign(tf.zeros([17, 16]));
    expect(scores(copy)).not.toEqual(scores(model));
    copy.dispose();
    const { embedding: _, ...rest } = parameters;
    expect(() => new Gpt(config, { parameters: rest })).toThrow(/'embedding' is missing/);
    model.dispose();
  });

  it('shows the activations after every block on demand', () => {
    withModel({ ...small, placement: 'every', moe: { kind: 'top2', numExperts: 4 } }, (model) => {
      const { hiddenStates } = model.forward(ids(2, 5), { keepHiddenStates: true });
      expect(hiddenStates!.map(({ shape }) => shape)).toEqual(Array(4).fill([2, 5, 16]));
      expect(model.forward(ids(2, 5))).not.toHaveProperty('hiddenStates');
    });
  });

  it.each(['pairs', 'every'] as const)('sees no later token: %s', (placement) => {
    withModel({ ...small, placement, moe: scmoe }, (model) => {
      const first = ids(1, 8);
      const changed = tf.concat([first.slice([0, 0], [-1, 7]), tf.sub(16, first.slice([0, 7], [-1, 1])).toInt()], 1);
      const before = (of: tf.Tensor2D) => [...model.forward(of).logits.slice([0, 0], [-1, 7]).dataSync()];
      // Not in one bit, although experts get another number of rows: docs/decisions.md#rows.
      expect(before(changed as tf.Tensor2D)).toEqual(before(first));
    });
  });

  it('drops out in training alone, by the seed of the step', () => {
    withModel({ ...small, moe: scmoe, dropout: 0.3 }, (model) => {
      const batch = { ids: ids(2, 12), targets: ids(2, 12, 2) };
      const loss = (dropoutSeed?: number) =>
        model.loss(batch, { training: dropoutSeed !== undefined, dropoutSeed }).loss.dataSync()[0]!;
      expect(loss()).toBe(loss());
      expect(loss(1)).toBe(loss(1));
      expect(loss(1)).not.toBe(loss(2));
      expect(() => model.loss(batch, { training: true })).toThrow(
        /dropoutSeed: expected a seed .* dropout 0.3, got none/,
      );
    });
  });

  it('learns a sequence by heart', () => {
    const model = new Gpt({ ...small, moe: scmoe }, { seed: 4 });
    const optimizer = tf.train.adam(0.01);
    const text = tf.tensor2d([[3, 1, 4, 1, 5, 9, 2, 6, 5, 3]], undefined, 'int32');
    const batch = { ids: text.slice([0, 0], [-1, 9]), targets: text.slice([0, 1], [-1, 9]) };
    for (let step = 0; step < 60; step++) optimizer.minimize(() => model.loss(batch).loss);
    const { crossEntropy } = tf.tidy(() => ({ crossEntropy: model.loss(batch).crossEntropy.dataSync()[0]! }));
    expect(crossEntropy).toBeLessThan(0.2);
    tf.dispose([text, batch.ids, batch.targets]);
    optimizer.dispose();
    model.dispose();
    // Without native kernels a step takes up to a quarter of a second.
  });

  it('reads nothing on the host in forward and loss', () => {
    // With a capacity: without one and without native kernels, the experts have to know their counts.
    withModel({ ...small, moe: { ...scmoe, capacityFactor: 2 } }, (model) => {
      const batch = { ids: ids(2, 12), targets: ids(2, 12, 2) };
      withoutHostReads(() => {
        valueAndGrads(() => model.loss(batch).loss, model.variables);
      });
    });
  });

  it('leaves no tensors behind', () => {
    const before = tf.memory().numTensors;
    const model = new Gpt({ ...small, moe: scmoe }, { seed: 4 });
    expect(tf.memory().numTensors - before).toBe(Object.keys(model.variables).length);
    const batch = { ids: ids(2, 12), targets: ids(2, 12, 2) };
    const steady = tf.memory().numTensors;
    const { value, grads } = valueAndGrads(() => model.loss(batch).loss, model.variables);
    tf.dispose([value, grads]);
    const { loss, ...rest } = model.loss(batch);
    tf.dispose([loss, rest as unknown as tf.TensorContainerObject]);
    expect(tf.memory().numTensors).toBe(steady);
    tf.dispose([batch.ids, batch.targets]);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each<[string, () => tf.Tensor2D, RegExp]>([
    ['a sequence that is too long', () => ids(1, 13), /at most sequenceLength = 12 tokens, got 13/],
    [
      'ids that are not whole',
      () => tf.zeros([1, 4]),
      /ids: expected int32 of shape \(batch, sequence\), got float32 \(1, 4\)/,
    ],
    ['ids without a batch', () => tf.zeros([4], 'int32') as unknown as tf.Tensor2D, /got int32 \(4\)/],
  ])('rejects %s', (_, make, message) => {
    withModel(small, (model) => expect(() => model.forward(make())).toThrow(message));
  });

  it('rejects targets of another shape', () => {
    withModel(small, (model) => {
      expect(() => model.loss({ ids: ids(2, 4), targets: ids(2, 5) })).toThrow(
        /targets: expected int32 .* \(2, 4\), got int32 \(2, 5\)/,
      );
    });
  });
});
