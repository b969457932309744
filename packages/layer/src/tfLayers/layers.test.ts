import * as tf from '@tensorflow/tfjs';

import { saveAndLoad } from '../testing/saveAndLoad.js';
import { dgMoE } from './DgMoE.js';
import { mixtureOfExperts, MixtureOfExperts } from './MixtureOfExperts.js';
import { scMoE } from './ScMoE.js';
import { sharedExpertMoE } from './SharedExpertMoE.js';
import {
  everyBlock,
  megatronShortcutBlock,
  transformerBlock,
  type MegatronShortcutBlockArgs,
  type TransformerBlockArgs,
} from './TransformerBlock.js';
import { transformerPair, type TransformerPairArgs } from './TransformerPair.js';

const experts = { numExperts: 4, expertHidden: 6, seed: 1 };

/** Every layer of the package in one functional model, between layers of TF.js. */
function modelOfAll(): tf.LayersModel {
  const x = tf.input({ shape: [5, 8] });
  const first = tf.layers.dense({ units: 8 }).apply(x) as tf.SymbolicTensor;
  const pair = transformerPair({
    kind: 'scmoe',
    numHeads: 2,
    ...experts,
    activation: 'gelu_tanh',
    rope: { style: 'half' },
  });
  const second = pair.apply(first) as tf.SymbolicTensor;
  const third = mixtureOfExperts({ ...experts, seed: 2 }).apply(second);
  const fourth = sharedExpertMoE({ ...experts, mix: 'cg2', activation: 'swiglu', seed: 3 }).apply(third);
  const fifth = scMoE({ ...experts, shortcutNorm: 'own', seed: 4 }).apply([fourth as tf.SymbolicTensor, first]);
  const sixth = dgMoE({ ...experts, seed: 5 }).apply([fifth as tf.SymbolicTensor, second]);
  const seventh = everyBlock({ ...experts, numHeads: 2, rope: { style: 'half' }, seed: 6 }).apply(sixth);
  const y = tf.layers.dense({ units: 1 }).apply(seventh) as tf.SymbolicTensor;
  return tf.model({ inputs: x, outputs: y });
}

/** For the tests that train: without native kernels a step takes up to half a second. */
const timeoutMs = 60_000;

const inputs = () => tf.randomNormal([6, 5, 8], 0, 1, 'float32', 5);

describe('tf.layers', () => {
  it(
    'train with model.fit, and every weight moves',
    async () => {
      const model = modelOfAll();
      model.compile({ optimizer: tf.train.adam(0.02), loss: 'meanSquaredError' });
      const x = inputs();
      const y = tf.tidy(() => tf.sum(x, -1, true));
      const before = model.getWeights().map((weight) => weight.dataSync());
      const { history } = await model.fit(x, y, { epochs: 8, batchSize: 3, shuffle: false, verbose: 0 });
      const losses = history['loss'] as number[];
      expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!);
      const still = model
        .getWeights()
        .flatMap((weight, i) =>
          weight.dataSync().some((value, j) => value !== before[i]![j]) ? [] : [model.weights[i]!.name],
        );
      // The key bias has no effect without RoPE, in exact arithmetic; with it every weight has one.
      expect(still).toEqual([]);
    },
    timeoutMs,
  );

  it('add the auxiliary loss to the loss of fit', async () => {
    const lossOf = async (loadBalanceCoefficient: number) => {
      const layer = mixtureOfExperts({ ...experts, loadBalanceCoefficient, inputShape: [5, 8] });
      const model = tf.sequential({ layers: [layer] });
      model.compile({ optimizer: tf.train.sgd(0), loss: 'meanSquaredError' });
      const x = inputs();
      const { history } = await model.fit(x, x, { epochs: 1, batchSize: 6, verbose: 0 });
      return (history['loss'] as number[])[0]!;
    };
    const [without, once, twice] = [await lossOf(0), await lossOf(1), await lossOf(2)];
    // At small weights routing is nearly balanced: N sum p f is near 1.
    expect(once - without).toBeGreaterThan(0.9);
    expect(twice - without).toBeCloseTo(2 * (once - without), 4);
  });

  it(
    'balance the load when trained on the auxiliary loss alone',
    async () => {
      const layer = mixtureOfExperts({ ...experts, topK: 1, loadBalanceCoefficient: 1, inputShape: [8] });
      const model = tf.sequential({ layers: [layer] });
      const nothing = () => tf.tidy(() => tf.scalar(0));
      model.compile({ optimizer: tf.train.adam(0.05), loss: (_, y) => tf.mul(tf.sum(y), 0).add(nothing()) });
      const [x, y] = tf.tidy(() => {
        const x = tf.randomNormal<tf.Rank.R2>([64, 8], 1, 1, 'float32', 5);
        return [tf.keep(x), tf.keep(tf.zerosLike(x))];
      });
      layer.setWeights(tf.tidy(() => layer.getWeights().map((weight, i) => (i === 0 ? tf.mul(weight, 20) : weight))));
      const { history } = await model.fit(x, y, { epochs: 25, batchSize: 64, verbose: 0 });
      const losses = history['loss'] as number[];
      expect(losses.at(-1)).toBeLessThan(losses[0]!);
      expect(losses.at(-1)).toBeLessThan(1.1);
    },
    timeoutMs,
  );

  it('survive saving and loading: same configuration, same predictions', async () => {
    const model = modelOfAll();
    const x = inputs();
    const loaded = await saveAndLoad(model);
    const predict = (of: tf.LayersModel) => (of.predict(x) as tf.Tensor).dataSync();
    expect(predict(loaded)).toEqual(predict(model));
    const own = (of: tf.LayersModel) =>
      of.layers.map((layer) => JSON.parse(JSON.stringify(layer.getConfig())) as Record<string, unknown>);
    expect(own(loaded).map(({ activation }) => activation)).toEqual(own(model).map(({ activation }) => activation));
    expect(own(loaded)[2]).toMatchObject({ kind: 'scmoe', rope: { style: 'half' }, numExperts: 4, seed: 1 });
  });

  it('save every option as it was given', async () => {
    const options: TransformerBlockArgs = {
      ...{
        kind: 'scmoe',
        numHeads: 2,
        numKvHeads: 1,
        attentionBias: false,
        causal: false,
        rope: { style: 'half', theta: 50 },
      },
      ...{ ffnHidden: 12, activation: 'gelu_tanh', ffnBias: false, norm: 'rms', normEpsilon: 1e-4, dropout: 0.25 },
      ...{ numExperts: 4, topK: 2, scoreFunction: 'sigmoid', normalizeWeights: false, routedScalingFactor: 2.5 },
      ...{ capacityFactor: 1.25, minCapacity: 2, dropPolicy: 'probability', capacityOrder: 'token', logits: 'cosine' },
      ...{ cosineWidth: 5, noisy: true, jitter: 0.125, correctionBias: true, numGroups: 2, topKGroups: 1 },
      ...{
        groupScore: 'top2sum',
        numZeroExperts: 0,
        scaleZeroExperts: false,
        forcedBalance: false,
        routing: 'tokenChoice',
      },
      ...{ mix: 'cg2', shortcutNorm: 'shared', sharedNormOf: 'sharedExpert', postNorm: true, expertHidden: 6 },
      ...{
        sharedHidden: 7,
        loadBalanceCoefficient: 0.5,
        sequenceBalanceCoefficient: 0.25,
        importanceCoefficient: 0.125,
      },
      ...{
        loadCoefficient: 0.0625,
        zLossCoefficient: 0.03125,
        biasUpdateRate: 0.5,
        biasUpdateRule: 'proportional',
      },
      ...{ expectedTopK: 1, seed: 1 },
    };
    const layer = transformerBlock({ ...options, name: 'block', inputShape: [5, 8] });
    const loaded = await saveAndLoad(tf.sequential({ layers: [layer] }));
    const [saved, restored] = [layer, loaded.layers[0]!].map((of) => of.getConfig());
    expect(restored).toEqual(saved);
    expect(restored).toMatchObject({ ...options, configVersion: 1 });
  });

  it('read what an earlier version saved, and name what only a later one can have', () => {
    const config = () => ({ ...mixtureOfExperts({ ...experts, name: 'experts' }).getConfig() });
    const read = (change: tf.serialization.ConfigDict) =>
      MixtureOfExperts.fromConfig(MixtureOfExperts, { ...config(), ...change });
    const { configVersion: _, ...first } = config();
    expect(MixtureOfExperts.fromConfig(MixtureOfExperts, first).getConfig()).toEqual(config());
    expect(() => read({ configVersion: 2 })).toThrow(
      /^ScmoeMixtureOfExperts: configVersion: expected an integer from 1 to 1, .* of @scmoe\/layer reads, got 2$/,
    );
    expect(() => read({ configVersion: 'new' })).toThrow(
      /configVersion: expected an integer from 1 to 1, .* got "new"$/,
    );
    expect(() => read({ expertShape: 'round' })).toThrow(
      /^ScmoeMixtureOfExperts: unknown option expertShape = "round"; the options are activation, .*, zLossCoefficient$/,
    );
  });

  it('keep a correction bias out of training, move it with the load, and save it', async () => {
    const layer = mixtureOfExperts({
      ...experts,
      topK: 1,
      correctionBias: true,
      biasUpdateRate: 0.25,
      inputShape: [5, 8],
    });
    const model = tf.sequential({ layers: [layer] });
    model.compile({ optimizer: tf.train.sgd(0), loss: 'meanSquaredError' });
    const names = (weights: { originalName: string }[]) => weights.map(({ originalName }) => originalName);
    expect(names(layer.nonTrainableWeights)).toEqual([expect.stringContaining('router.correctionBias')]);
    expect(names(layer.trainableWeights).join()).not.toContain('correctionBias');
    const bias = (of: tf.layers.Layer) => [...of.getWeights().at(-1)!.dataSync()];
    expect(bias(layer)).toEqual([0, 0, 0, 0]);

    const x = inputs();
    tf.dispose(model.predict(x));
    expect(bias(layer)).toEqual([0, 0, 0, 0]);
    await model.fit(x, x, { epochs: 1, batchSize: 6, verbose: 0 });
    // 30 tokens over 4 experts: no load is the mean, 7.5, so that each bias moves by the rate, one way or the other.
    expect(bias(layer).map(Math.abs)).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect(new Set(bias(layer)).size).toBe(2);
    expect(bias((await saveAndLoad(model)).layers[0]!)).toEqual(bias(layer));
  });

  it('leave the correction bias alone where it has no rate, or the layer is frozen', async () => {
    for (const change of [{ biasUpdateRate: 0 }, { trainable: false }]) {
      const layer = mixtureOfExperts({ ...experts, correctionBias: true, ...change });
      const x = tf.input({ shape: [5, 8] });
      const y = tf.layers.dense({ units: 8 }).apply(layer.apply(x)) as tf.SymbolicTensor;
      const model = tf.model({ inputs: x, outputs: y });
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
      await model.fit(inputs(), inputs(), { epochs: 1, verbose: 0 });
      const bias = layer.getWeights().at(-1)!;
      expect([...bias.dataSync()]).toEqual([0, 0, 0, 0]);
    }
  });

  it.each(['sequenceBalance', 'importance', 'load', 'zLoss'] as const)(
    'add the %s to the loss of fit',
    async (name) => {
      const lossOf = async (coefficient: number) => {
        const options = { ...experts, noisy: true, loadBalanceCoefficient: 0, inputShape: [5, 8] };
        const layer = mixtureOfExperts({ ...options, [`${name}Coefficient`]: coefficient });
        const model = tf.sequential({ layers: [layer] });
        model.compile({ optimizer: tf.train.sgd(0), loss: 'meanSquaredError' });
        const { history } = await model.fit(inputs(), inputs(), { epochs: 1, shuffle: false, verbose: 0 });
        return (history['loss'] as number[])[0]!;
      };
      const [without, once, twice] = [await lossOf(0), await lossOf(1), await lossOf(2)];
      expect(once).toBeGreaterThan(without);
      expect(twice - without).toBeCloseTo(2 * (once - without), 4);
    },
  );

  it("count both of DGMoE's choices in the auxiliary loss", async () => {
    const x = tf.input({ shape: [5, 8] });
    const layer = dgMoE({ ...experts, loadBalanceCoefficient: 1 });
    const model = tf.model({ inputs: x, outputs: layer.apply([x, x]) as tf.SymbolicTensor });
    model.compile({ optimizer: tf.train.sgd(0), loss: () => tf.scalar(0) });
    const { history } = await model.fit(inputs(), inputs(), { epochs: 1, batchSize: 6, verbose: 0 });
    // Each is near 1 while the weights are small.
    expect((history['loss'] as number[])[0]).toBeGreaterThan(1.8);
  });

  it('route with noise in training alone', () => {
    const layer = mixtureOfExperts({ ...experts, noisy: true, jitter: 0.1 });
    const x = inputs();
    const y = (training: boolean) => [...(layer.apply(x, { training }) as tf.Tensor).dataSync()];
    expect(y(false)).toEqual(y(false));
    expect(y(true)).not.toEqual(y(true));
  });

  it('never round a capacity to zero, however small the factor', () => {
    for (const capacityFactor of [1e-6, Number.MIN_VALUE]) {
      const layer = mixtureOfExperts({ ...experts, topK: 1, capacityFactor, minCapacity: 0 });
      const norms = tf.tidy(() => tf.sum(tf.abs(layer.apply(inputs()) as tf.Tensor), -1).dataSync());
      const kept = norms.filter((norm) => norm > 0).length; // a dropped token gets zero
      expect(kept).toBeGreaterThanOrEqual(1);
      expect(kept).toBeLessThanOrEqual(4);
    }
  });

  it('say the shape of their output', () => {
    expect(mixtureOfExperts(experts).computeOutputShape([null, 5, 8])).toEqual([null, 5, 8]);
    const two = [
      [null, 5, 8],
      [null, 5, 8],
    ];
    expect(scMoE(experts).computeOutputShape(two)).toEqual([null, 5, 8]);
  });

  it('start from the same weights for the same seed', () => {
    const weights = (seed: number) => {
      const layer = mixtureOfExperts({ ...experts, seed });
      layer.build([null, 8]);
      return layer.getWeights().map((weight) => [...weight.dataSync()]);
    };
    expect(weights(5)).toEqual(weights(5));
    expect(weights(5)).not.toEqual(weights(6));
  });

  it('drop out in training alone', () => {
    const layer = transformerPair({ kind: 'standard', numHeads: 2, ...experts, dropout: 0.5 });
    const x = inputs();
    const y = (training: boolean) => [...(layer.apply(x, { training }) as tf.Tensor).dataSync()];
    expect(y(false)).toEqual(y(false));
    expect(y(true)).not.toEqual(y(true));
  });

  it('take the Megatron form: experts on the input, everything added', () => {
    const layer = megatronShortcutBlock({ numHeads: 2, ...experts, postNorm: true });
    expect(layer.getConfig()).toMatchObject({ kind: 'scmoe', mix: 'add', shortcutNorm: 'own', postNorm: true });
    layer.build([null, 5, 8]);
    const names = layer.weights.map(({ originalName }) => originalName).join();
    expect(names).toContain('normShortcut');
    expect(names).not.toContain('mix');
    expect(everyBlock({ numHeads: 2, ...experts }).getConfig()).toMatchObject({ kind: 'scmoe' });
  });

  it('leave no tensors behind, in prediction, training and disposal', async () => {
    const x = inputs();
    const before = tf.memory().numTensors;
    const options = { correctionBias: true, noisy: true, zLossCoefficient: 1, numZeroExperts: 1 };
    const layer = mixtureOfExperts({ ...experts, ...options, inputShape: [5, 8] });
    const model = tf.sequential({ layers: [layer] });
    const optimizer = tf.train.sgd(0.1);
    model.compile({ optimizer, loss: 'meanSquaredError' });
    (model.predict(x) as tf.Tensor).dispose();
    await model.fit(x, x, { epochs: 1, verbose: 0 });
    const steady = tf.memory().numTensors;
    (model.predict(x) as tf.Tensor).dispose();
    await model.fit(x, x, { epochs: 2, verbose: 0 });
    expect(tf.memory().numTensors).toBe(steady);
    model.dispose();
    optimizer.dispose();
    expect(tf.memory().numTensors).toBeLessThanOrEqual(before + 1);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'more choices than experts',
      () => mixtureOfExperts({ ...experts, topK: 9 }),
      /topK: expected at most numExperts = 4, got 9/,
    ],
    [
      'an expert without width',
      () => mixtureOfExperts({ numExperts: 4, expertHidden: 0 }),
      /expertHidden: expected a positive/,
    ],
    [
      'an unknown mix',
      () => sharedExpertMoE({ ...experts, mix: 'cg9' as 'cg1' }),
      /mix: expected one of add, cg1, cg2/,
    ],
    ['an unknown kind', () => transformerPair({ kind: 'any' as 'dense', numHeads: 2 }), /kind: expected one of dense/],
    [
      'an unknown option',
      () => transformerPair({ kind: 'dense', numHeads: 2, routedTopK: 2 } as TransformerPairArgs),
      /^ScmoeTransformerPair: unknown option routedTopK = 2; the options are .*topK/,
    ],
    [
      'a pair without heads',
      () => transformerPair({ kind: 'dense' } as TransformerPairArgs),
      /^numHeads: .*got undefined/,
    ],
    [
      'half a head',
      () => transformerBlock({ kind: 'dense', numHeads: 1.5 }),
      /^numHeads: expected a positive integer, got 1.5/,
    ],
    [
      'a shortcut norm that a bare layer has not',
      () => scMoE({ ...experts, shortcutNorm: 'shared' as 'own' }),
      /shortcutNorm: expected one of own, none, got "shared"/,
    ],
    [
      'an unknown norm',
      () => dgMoE({ ...experts, norm: 'batch' as 'rms' }),
      /norm: expected one of layer, rms, got "batch"/,
    ],
    ['two choices of DGMoE', () => dgMoE({ ...experts, topK: 2 }), /topK: expected 1 for DGMoE/],
    [
      'DGMoE with a forced balance',
      () => dgMoE({ ...experts, forcedBalance: true }),
      /forcedBalance: expected false for DGMoE/,
    ],
    [
      'a negative coefficient',
      () => scMoE({ ...experts, zLossCoefficient: -1 }),
      /zLossCoefficient: expected a number >= 0/,
    ],
    [
      'the load loss without noise',
      () => scMoE({ ...experts, loadCoefficient: 1 }),
      /loadCoefficient: expected 0 without noisy, got 1/,
    ],
    [
      'an unknown bias rule',
      () => scMoE({ ...experts, biasUpdateRule: 'pid' as 'sign' }),
      /biasUpdateRule: expected one of sign, proportional, got "pid"/,
    ],
    ['a seed that is no number', () => scMoE({ ...experts, seed: NaN }), /seed: expected an integer, got NaN/],
    [
      'another mix in the Megatron form',
      () => megatronShortcutBlock({ ...experts, numHeads: 2, mix: 'cg1' } as MegatronShortcutBlockArgs),
      /mix: expected add in a megatronShortcutBlock, got "cg1"/,
    ],
    [
      'a single input to scMoE',
      () => scMoE(experts).apply(tf.input({ shape: [5, 8] })),
      /expected two inputs, \[current, shortcut\], got \(any, 5, 8\)/,
    ],
    [
      'two inputs to a layer of one',
      () => mixtureOfExperts(experts).apply([tf.input({ shape: [5, 8] }), tf.input({ shape: [5, 8] })]),
      /expected one input of known last axis/,
    ],
    ...[scMoE, dgMoE].map((make): [string, () => unknown, RegExp] => [
      `inputs of different shape to ${make.name}`,
      () => make(experts).apply([tf.input({ shape: [5, 8] }), tf.input({ shape: [5, 6] })]),
      /expected current and shortcut of one shape, got \(any, 5, 8\) and \(any, 5, 6\)/,
    ]),
    [
      'tensors of different shape to a scMoE that was built for another batch',
      () => {
        const layer = scMoE(experts);
        layer.apply([tf.zeros([2, 5, 8]), tf.zeros([2, 5, 8])]);
        layer.apply([tf.zeros([2, 5, 8]), tf.zeros([2, 4, 8])]);
      },
      /shortcut: expected the shape of the current input, \(2, 5, 8\), got \(2, 4, 8\)/,
    ],
    [
      'heads that do not divide the width',
      () => transformerPair({ kind: 'dense', numHeads: 3 }).apply(tf.input({ shape: [5, 8] })),
      /numHeads: expected a divisor of dModel = 8, got 3/,
    ],
    [
      'the same at construction, where the shape is known',
      () => transformerPair({ kind: 'dense', numHeads: 3, inputShape: [5, 8] }),
      /numHeads: expected a divisor of dModel = 8, got 3/,
    ],
    [
      'an input without sequence',
      () => transformerBlock({ kind: 'dense', numHeads: 2 }).apply(tf.input({ shape: [8] })),
      /expected one input \(batch, sequence, d\), got \(any, 8\)/,
    ],
    [
      'a later input of another width',
      () => {
        const layer = mixtureOfExperts(experts);
        layer.apply(tf.zeros([2, 8]));
        layer.apply(tf.zeros([2, 6]));
      },
      /expected axis -?1 of input shape to have value 8 but got shape 2,6/,
    ],
  ])('reject %s', (_, build, message) => {
    expect(build).toThrow(message);
  });
});
