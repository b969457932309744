import { backendName, findAddon, useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { saveAndLoad } from '../testing/saveAndLoad.js';
import { dgMoE } from './DgMoE.js';
import { longcatBlock } from './LongcatBlock.js';
import { mixtureOfExperts } from './MixtureOfExperts.js';
import { scMoE } from './ScMoE.js';
import { sharedExpertMoE } from './SharedExpertMoE.js';
import { everyBlock, megatronShortcutBlock, transformerBlock } from './TransformerBlock.js';
import { transformerPair } from './TransformerPair.js';

type Applied = (x: tf.SymbolicTensor, tapped: tf.SymbolicTensor) => tf.SymbolicTensor;

const experts = { numExperts: 4, expertHidden: 6, seed: 1 };
const block = { ...experts, numHeads: 2, ffnHidden: 12 };
const one =
  (layer: tf.layers.Layer): Applied =>
  (x) =>
    layer.apply(x) as tf.SymbolicTensor;
const two =
  (layer: tf.layers.Layer): Applied =>
  (x, tapped) =>
    layer.apply([x, tapped]) as tf.SymbolicTensor;

/** Each class, with the options that take other operations than the defaults do. */
const layers: Record<string, () => Applied> = {
  mixtureOfExperts: () => one(mixtureOfExperts({ ...experts, topK: 2, correctionBias: true, ffnBias: false })),
  'mixtureOfExperts, zero experts': () => one(mixtureOfExperts({ ...experts, numZeroExperts: 2, topK: 3 })),
  'mixtureOfExperts, sigmoid scores in groups': () =>
    one(mixtureOfExperts({ ...experts, scoreFunction: 'sigmoid', numGroups: 2, topKGroups: 1 })),
  'mixtureOfExperts, cosine gate, noise': () =>
    one(mixtureOfExperts({ ...experts, logits: 'cosine', cosineWidth: 5, noisy: true, jitter: 0.1 })),
  'mixtureOfExperts, experts that choose': () =>
    one(mixtureOfExperts({ ...experts, routing: 'expertChoice', capacityFactor: 1 })),
  sharedExpertMoE: () => one(sharedExpertMoE({ ...experts, mix: 'cg2', activation: 'swiglu', capacityFactor: 1 })),
  scMoE: () => two(scMoE({ ...experts, topK: 2, activation: 'swiglu', ffnBias: true })),
  dgMoE: () => two(dgMoE({ ...experts, norm: 'rms' })),
  'transformerPair, scmoe': () =>
    one(transformerPair({ ...block, kind: 'scmoe', rope: { style: 'half' }, norm: 'rms', dropPolicy: 'probability' })),
  'transformerPair, dgmoe': () => one(transformerPair({ ...block, kind: 'dgmoe', position: 'pos3', numKvHeads: 1 })),
  transformerBlock: () => one(transformerBlock({ ...block, kind: 'standard', rope: { style: 'interleaved' } })),
  everyBlock: () => one(everyBlock({ ...block, mix: 'cg1', capacityFactor: 1, dropout: 0.1 })),
  longcatBlock: () => one(longcatBlock({ ...block, numZeroExperts: 2, rope: { style: 'half' } })),
  'longcatBlock, latent attention': () =>
    one(
      longcatBlock({
        ...block,
        latent: { qLoraRank: 6, kvLoraRank: 5, qkNopeHeadDim: 3, qkRopeHeadDim: 2, vHeadDim: 4 },
        dropout: 0.1,
      }),
    ),
  megatronShortcutBlock: () => one(megatronShortcutBlock({ ...block, postNorm: true, activation: 'swiglu' })),
};

function modelOf(apply: Applied): tf.LayersModel {
  const x = tf.input({ shape: [5, 8] });
  const kernelInitializer = () => tf.initializers.glorotNormal({ seed: 3 });
  const tapped = tf.layers.dense({ units: 8, kernelInitializer: kernelInitializer() }).apply(x) as tf.SymbolicTensor;
  const y = tf.layers.dense({ units: 1, kernelInitializer: kernelInitializer() }).apply(apply(x, tapped));
  return tf.model({ inputs: x, outputs: y as tf.SymbolicTensor });
}

const data = () =>
  tf.tidy(() => {
    const x = tf.randomNormal<tf.Rank.R3>([4, 5, 8], 0, 1, 'float32', 5);
    return [tf.keep(x), tf.keep(tf.sum(x, -1, true))] as const;
  });

const backends = [...(findAddon().addon ? [backendName] : []), 'wasm', 'cpu'];

/** Time for a test that trains: without native kernels a training step is a few hundred kernels of TF.js. */
const timeoutMs = 60_000;

describe.each(Object.entries(layers))('%s', (name, layer) => {
  const predictions: Record<string, ArrayLike<number>> = {};

  it.each(backends)(
    'predicts, trains, saves and loads on %s',
    async (backend) => {
      await useBackend(backend);
      const model = modelOf(layer());
      const [x, y] = data();
      const predict = (of: tf.LayersModel) => tf.tidy(() => (of.predict(x) as tf.Tensor).dataSync());
      predictions[backend] = predict(model);

      model.compile({ optimizer: tf.train.adam(0.01), loss: 'meanSquaredError' });
      const { history } = await model.fit(x, y, { epochs: 4, batchSize: 4, verbose: 0 });
      const losses = history['loss'] as number[];
      expect(losses.every(Number.isFinite)).toBe(true);
      expect(losses.at(-1)).toBeLessThan(losses[0]!);

      const loaded = await saveAndLoad(model);
      expect(predict(loaded)).toEqual(predict(model));
      expect(predict(loaded)).not.toEqual(predictions[backend]);
      tf.dispose([x, y]);
    },
    timeoutMs,
  );

  it('predicts the same on all of them', () => {
    // Other kernels add up the same float32 numbers in another order.
    for (const backend of backends) {
      const apart = Array.from(predictions['cpu']!, (value, i) => Math.abs(value - predictions[backend]![i]!));
      expect(Math.max(...apart)).toBeLessThan(1e-5);
    }
  });
});
