import * as tf from '@tensorflow/tfjs';

import { dgMoE } from '../tfLayers/DgMoE.js';
import { mixtureOfExperts } from '../tfLayers/MixtureOfExperts.js';
import { scMoE } from '../tfLayers/ScMoE.js';
import { sharedExpertMoE } from '../tfLayers/SharedExpertMoE.js';
import { everyBlock } from '../tfLayers/TransformerBlock.js';
import { transformerPair } from '../tfLayers/TransformerPair.js';

/** Few and narrow experts. */
export const experts = { numExperts: 4, expertHidden: 6, seed: 1 };

/** Six sequences (6, 5, 8) of random numbers, the same ones every time. */
export const inputs = () => tf.randomNormal([6, 5, 8], 0, 1, 'float32', 5);

/** Every layer of the package in one functional model, between layers of TF.js. */
export function modelOfAll(): tf.LayersModel {
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

/**
 * Trains a model of `inputs` with `model.fit` to give the sum of each token's numbers.
 *
 * @returns the loss of each epoch, and the names of the weights that have not moved
 */
export async function fitSums(model: tf.LayersModel): Promise<{ losses: number[]; still: string[] }> {
  model.compile({ optimizer: tf.train.adam(0.02), loss: 'meanSquaredError' });
  const x = inputs();
  const y = tf.tidy(() => tf.sum(x, -1, true));
  const before = model.getWeights().map((weight) => weight.dataSync());
  const { history } = await model.fit(x, y, { epochs: 8, batchSize: 3, shuffle: false, verbose: 0 });
  const moved = model.getWeights().map((weight, i) => weight.dataSync().some((value, j) => value !== before[i]![j]));
  const still = model.weights.filter((_, i) => !moved[i]).map(({ name }) => name);
  return { losses: history['loss'] as number[], still };
}
