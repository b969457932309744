import * as tf from '@tensorflow/tfjs';

import { experts, fitSums, inputs, modelOfAll } from '../testing/layersModel.js';
import { dgMoE } from './DgMoE.js';
import { mixtureOfExperts } from './MixtureOfExperts.js';
import { scMoE } from './ScMoE.js';
import { everyBlock, megatronShortcutBlock } from './TransformerBlock.js';
import { transformerPair } from './TransformerPair.js';

/** Time for a test that trains: without native kernels a step takes up to half a second. */
const timeoutMs = 60_000;

describe('tf.layers', () => {
  it(
    'train with model.fit, and every weight moves',
    async () => {
      const { losses, still } = await fitSums(modelOfAll());
      expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!);
      // The key bias has no effect without RoPE, in exact arithmetic; with it every weight has one.
      expect(still).toEqual([]);
    },
    timeoutMs,
  );

  it('add the load-balance loss to the loss of fit', async () => {
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
    'balance the load when trained on the load-balance loss alone',
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

  it("count both of DGMoE's choices in the load-balance loss", async () => {
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
});
