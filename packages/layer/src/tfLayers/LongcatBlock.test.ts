import * as tf from '@tensorflow/tfjs';

import { fitSums, inputs } from '../testing/layersModel.js';
import { saveAndLoad } from '../testing/saveAndLoad.js';
import { dgMoE } from './DgMoE.js';
import { longcatBlock, type LongcatBlockArgs } from './LongcatBlock.js';
import { mixtureOfExperts } from './MixtureOfExperts.js';
import { scMoE } from './ScMoE.js';
import { sharedExpertMoE } from './SharedExpertMoE.js';
import { transformerBlock } from './TransformerBlock.js';
import { transformerPair } from './TransformerPair.js';

const latent = { qLoraRank: 6, kvLoraRank: 5, qkNopeHeadDim: 3, qkRopeHeadDim: 2, vHeadDim: 4 };
const args: LongcatBlockArgs = {
  numHeads: 2,
  ffnHidden: 12,
  expertHidden: 6,
  numExperts: 4,
  numZeroExperts: 2,
  latent,
  seed: 1,
};

function modelOf(change: Partial<LongcatBlockArgs> = {}): tf.LayersModel {
  const block = longcatBlock({ ...args, ...change, inputShape: [5, 8] });
  return tf.sequential({ layers: [block, tf.layers.dense({ units: 1 })] });
}

describe('longcatBlock', () => {
  it.each<[string, Partial<LongcatBlockArgs>]>([
    ['latent attention', {}],
    ['multi-head attention', { latent: undefined, rope: { style: 'interleaved' } }],
  ])('trains with model.fit, and every weight moves: %s', async (_, change) => {
    const { losses, still } = await fitSums(modelOf({ ...change, dropout: 0.1 }));
    expect(losses.at(-1)).toBeLessThan(0.9 * losses[0]!);
    expect(still).toEqual([]);
  });

  it('has a correction bias that no gradient trains', () => {
    const model = modelOf();
    const names = (weights: { originalName: string }[]) =>
      weights.map(({ originalName }) => originalName.split('/').at(-1));
    expect(names(model.nonTrainableWeights)).toEqual(['router.correctionBias']);
    expect(names(model.trainableWeights)).not.toContain('router.correctionBias');
  });

  it('survives saving and loading: same configuration, same predictions', async () => {
    const model = modelOf();
    const x = inputs();
    const loaded = await saveAndLoad(model);
    const predict = (of: tf.LayersModel) => (of.predict(x) as tf.Tensor).dataSync();
    expect(predict(loaded)).toEqual(predict(model));
    expect(loaded.layers[0]!.getConfig()).toMatchObject({ latent, numExperts: 4, numZeroExperts: 2, seed: 1 });
  });

  it('leaves no tensors behind', () => {
    const layer = longcatBlock(args);
    const x = inputs();
    (layer.apply(x) as tf.Tensor).dispose();
    const before = tf.memory().numTensors;
    (layer.apply(x) as tf.Tensor).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['an unknown option', () => longcatBlock({ ...args, mix: 'add' } as LongcatBlockArgs), /unknown option mix/],
    [
      'latent attention without sizes',
      () => longcatBlock({ ...args, latent: undefined, attention: 'latent' }),
      /^latent:/,
    ],
    ['an input without a sequence', () => longcatBlock(args).apply(tf.zeros([6, 8])), /\(batch, sequence, d\)/],
  ])('rejects %s', (_, build, message) => {
    expect(build).toThrow(message);
  });
});

describe('layer.cost', () => {
  const experts = { numExperts: 4, expertHidden: 6 };
  const one = tf.input({ shape: [5, 8] });
  const layers = {
    mixtureOfExperts: () => mixtureOfExperts(experts),
    sharedExpertMoE: () => sharedExpertMoE(experts),
    scMoE: () => scMoE(experts),
    dgMoE: () => dgMoE(experts),
    transformerBlock: () => transformerBlock({ kind: 'scmoe', numHeads: 2, numExperts: 4 }),
    transformerPair: () => transformerPair({ kind: 'scmoe', numHeads: 2, numExperts: 4 }),
    longcatBlock: () => longcatBlock(args),
  };

  it.each(Object.entries(layers))('tells what a pass costs once the layer is built: %s', (name, make) => {
    const layer = make();
    expect(() => layer.cost(10)).toThrow(/cost: expected a layer that was built/);
    layer.apply(/^(sc|dg)MoE$/.test(name) ? [one, one] : one);
    const { operators, total } = layer.cost({ tokens: 10, sequenceLength: 5, worldSize: 2 });
    expect(total.forwardFlops).toBeGreaterThan(0);
    expect(total.backwardFlops).toBeGreaterThan(total.forwardFlops);
    const travelling = Object.entries(operators).filter(([, { allToAllBytes }]) => allToAllBytes > 0);
    expect(travelling.map(([operator]) => operator.replace(/\d$/, ''))).toEqual(
      name === 'dgMoE' ? ['dispatch', 'combine', 'dispatch', 'combine'] : ['dispatch', 'combine'],
    );
    // Twice the tokens in twice as many sequences are twice the operations.
    expect(layer.cost({ tokens: 20, sequenceLength: 5 }).total.forwardFlops).toBe(2 * total.forwardFlops);
  });
});
