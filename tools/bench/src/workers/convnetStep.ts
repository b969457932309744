// One process that trains (or runs forward) a small convolutional net in plain TF.js on a backend and answers `run N` with one JSON line.
import { parseArgs } from 'node:util';

import { AdamW, useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { serveSteps } from './serveSteps.js';

const { values: options } = parseArgs({
  options: {
    backend: { type: 'string', default: 'scmoe' },
    threads: { type: 'string', default: '1' },
    precision: { type: 'string', default: 'float32' },
    mode: { type: 'string', default: 'train' },
    batch: { type: 'string', default: '128' },
  },
});

const started = performance.now();
await useBackend(options.backend, { threads: Number(options.threads) });
const batch = Number(options.batch);

let seed = 1;
const weights = <R extends tf.Rank>(fanIn: number, shape: tf.ShapeMap[R]) =>
  tf.variable(tf.randomNormal<R>(shape, 0, Math.sqrt(2 / fanIn), 'float32', seed++)) as unknown as tf.Tensor<R>;
const biases = (size: number) => tf.variable(tf.zeros<tf.Rank.R1>([size])) as unknown as tf.Tensor1D;
// (height, width, channels, filters)
const filters = [
  weights<tf.Rank.R4>(9, [3, 3, 1, 32]),
  weights<tf.Rank.R4>(9 * 32, [3, 3, 32, 32]),
  weights<tf.Rank.R4>(9 * 32, [3, 3, 32, 64]),
  weights<tf.Rank.R4>(9 * 64, [3, 3, 64, 64]),
];
const ofFilters = [32, 32, 64, 64].map(biases);
const dense = [weights<tf.Rank.R2>(4 * 4 * 64, [4 * 4 * 64, 512]), weights<tf.Rank.R2>(512, [512, 10])];
const ofDense = [512, 10].map(biases);
const all = [...filters, ...ofFilters, ...dense, ...ofDense] as unknown as tf.Variable[];

const pixels = tf.randomNormal<tf.Rank.R4>([batch, 28, 28, 1], 0, 1, 'float32', seed++);
const labels = tf.oneHot(tf.randomUniformInt([batch], 0, 9, seed++), 10);

function logitsOf(x: tf.Tensor4D): tf.Tensor2D {
  filters.forEach((filter, i) => {
    x = tf.fused.conv2d({ x, filter, bias: ofFilters[i]!, strides: 1, pad: 'valid', activation: 'relu' });
    if (i % 2 === 1) x = tf.maxPool(x, 2, 2, 'valid');
  });
  const hidden = tf.fused.matMul({
    a: tf.reshape(x, [batch, -1]),
    b: dense[0]!,
    bias: ofDense[0]!,
    activation: 'relu',
  });
  return tf.fused.matMul({ a: hidden, b: dense[1]!, bias: ofDense[1]! }) as tf.Tensor2D;
}

const model = {
  variables: Object.fromEntries(all.map((variable, i) => [`variable-${i}`, variable])),
  numParameters: () => all.reduce((sum, { size }) => sum + size, 0),
};
const lossOf = () => tf.losses.softmaxCrossEntropy<tf.Tensor, tf.Scalar>(labels, logitsOf(pixels));
await serveSteps({ model, optimizer: new AdamW(), lossOf, mode: options.mode, started });
