import * as tf from '@tensorflow/tfjs';

import { mixtureOfExperts } from './MixtureOfExperts.js';
import { scMoE } from './ScMoE.js';
import { sharedExpertMoE } from './SharedExpertMoE.js';
import { transformerPair } from './TransformerPair.js';

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
  const y = tf.layers.dense({ units: 1 }).apply(fifth) as tf.SymbolicTensor;
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
    const lossOf = async (auxiliaryLossCoefficient: number) => {
      const layer = mixtureOfExperts({ ...experts, auxiliaryLossCoefficient, inputShape: [5, 8] });
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
      const layer = mixtureOfExperts({ ...experts, topK: 1, auxiliaryLossCoefficient: 1, inputShape: [8] });
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
    let artifacts: tf.io.ModelArtifacts | undefined;
    await model.save(
      tf.io.withSaveHandler((given) => {
        artifacts = given;
        return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' as const } });
      }),
    );
    // Through text, as it would be stored.
    const topology = JSON.parse(JSON.stringify(artifacts!.modelTopology)) as object;
    const loaded = await tf.loadLayersModel(tf.io.fromMemory({ ...artifacts!, modelTopology: topology }));
    const predict = (of: tf.LayersModel) => (of.predict(x) as tf.Tensor).dataSync();
    expect(predict(loaded)).toEqual(predict(model));
    const own = (of: tf.LayersModel) =>
      of.layers.map((layer) => JSON.parse(JSON.stringify(layer.getConfig())) as Record<string, unknown>);
    expect(own(loaded).map(({ activation }) => activation)).toEqual(own(model).map(({ activation }) => activation));
    expect(own(loaded)[2]).toMatchObject({ kind: 'scmoe', rope: { style: 'half' }, numExperts: 4, seed: 1 });
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

  it('leave no tensors behind, in prediction, training and disposal', async () => {
    const x = inputs();
    const before = tf.memory().numTensors;
    const layer = mixtureOfExperts({ ...experts, inputShape: [5, 8] });
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
      'a single input to scMoE',
      () => scMoE(experts).apply(tf.input({ shape: [5, 8] })),
      /expected two inputs, \[current, shortcut\]/,
    ],
    [
      'inputs of different shape to scMoE',
      () => scMoE(experts).apply([tf.input({ shape: [5, 8] }), tf.input({ shape: [5, 6] })]),
      /of one shape, got \(any, 5, 8\) and \(any, 5, 6\)/,
    ],
    [
      'heads that do not divide the width',
      () => transformerPair({ kind: 'dense', numHeads: 3 }).apply(tf.input({ shape: [5, 8] })),
      /numHeads: expected a divisor of dModel = 8, got 3/,
    ],
  ])('reject %s', (_, build, message) => {
    expect(build).toThrow(message);
  });
});
