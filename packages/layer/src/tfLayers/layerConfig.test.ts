import * as tf from '@tensorflow/tfjs';

import { experts, inputs, modelOfAll } from '../testing/layersModel.js';
import { saveAndLoad } from '../testing/saveAndLoad.js';
import { mixtureOfExperts, MixtureOfExperts } from './MixtureOfExperts.js';
import { transformerBlock, type TransformerBlockArgs } from './TransformerBlock.js';

describe('configurations of tf.layers', () => {
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
      ...{
        cosineWidth: 5,
        noisy: true,
        jitter: 0.125,
        jitterExperts: true,
        correctionBias: true,
        numGroups: 2,
        topKGroups: 1,
      },
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
});
