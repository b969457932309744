import * as tf from '@tensorflow/tfjs';

import { experts, inputs } from '../testing/layersModel.js';
import { saveAndLoad } from '../testing/saveAndLoad.js';
import { dgMoE } from './DgMoE.js';
import { mixtureOfExperts } from './MixtureOfExperts.js';

describe('tf.layers with a correction bias', () => {
  it('keep it out of training, move it with the load, and save it', async () => {
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

  it('move it to where the load is even, by the rule quantile', async () => {
    const layer = mixtureOfExperts({
      ...experts,
      topK: 1,
      correctionBias: true,
      biasUpdateRule: 'quantile',
      biasDecay: 0,
      inputShape: [5, 8],
    });
    const model = tf.sequential({ layers: [layer] });
    model.compile({ optimizer: tf.train.sgd(0), loss: 'meanSquaredError' });
    const x = inputs();
    const bias = () => [...layer.getWeights().at(-1)!.dataSync()];
    await model.fit(x, x, { epochs: 1, batchSize: 6, verbose: 0 });
    const first = bias();
    expect(Math.max(...first)).toBeGreaterThan(0);
    expect(Math.abs(first.reduce((sum, value) => sum + value, 0))).toBeLessThan(1e-6);
    // It has no rate, but one of 0 leaves it alone.
    const frozen = mixtureOfExperts({
      ...experts,
      correctionBias: true,
      biasUpdateRule: 'quantile',
      biasUpdateRate: 0,
      inputShape: [5, 8],
    });
    const other = tf.sequential({ layers: [frozen] });
    other.compile({ optimizer: tf.train.sgd(0), loss: 'meanSquaredError' });
    await other.fit(x, x, { epochs: 1, verbose: 0 });
    expect([...frozen.getWeights().at(-1)!.dataSync()]).toEqual([0, 0, 0, 0]);
  });

  it('refuse the rule quantile where choices are not the k best of all experts', async () => {
    const quantile = { ...experts, correctionBias: true, biasUpdateRule: 'quantile' } as const;
    expect(() => mixtureOfExperts({ ...quantile, numGroups: 2, topKGroups: 1 })).toThrow(
      "numGroups: expected 1 with biasUpdateRule 'quantile', got 2",
    );
    const layer = dgMoE({ ...quantile, topK: undefined });
    const pair = [tf.input({ shape: [5, 8] }), tf.input({ shape: [5, 8] })];
    const model = tf.model({ inputs: pair, outputs: layer.apply(pair) as tf.SymbolicTensor });
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const x = inputs();
    await expect(model.fit([x, x], x, { epochs: 1, verbose: 0 })).rejects.toThrow(
      "biasUpdateRule: expected sign or proportional for DGMoE, whose tokens choose twice, got 'quantile'",
    );
  });

  it('leave it alone where it has no rate, or the layer is frozen', async () => {
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
});
