// One process that trains (or runs forward) the benchmark's ViT on our tensor core and answers `run N` with one JSON line.
import { parseArgs } from 'node:util';

import { Vit } from '@scmoe/models';
import { AdamW, RandomStream, useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { serveSteps } from './serveSteps.js';

const { values: options } = parseArgs({
  options: {
    backend: { type: 'string', default: 'scmoe' },
    threads: { type: 'string', default: '1' },
    precision: { type: 'string', default: 'float32' },
    mode: { type: 'string', default: 'train' },
    kind: { type: 'string', default: 'scmoe' },
    layers: { type: 'string', default: '6' },
    d: { type: 'string', default: '192' },
    heads: { type: 'string', default: '3' },
    image: { type: 'string', default: '32' },
    batch: { type: 'string', default: '128' },
    experts: { type: 'string', default: '8' },
    classes: { type: 'string', default: '10' },
  },
});

const started = performance.now();
await useBackend(options.backend, {
  threads: Number(options.threads),
  precision: options.precision as 'float32' | 'bf16',
});
const batch = Number(options.batch);
const imageSize = Number(options.image);
const numClasses = Number(options.classes);
const model = new Vit(
  {
    imageSize,
    patchSize: 6,
    patchStride: 4,
    numClasses,
    pooling: 'mean',
    numLayers: Number(options.layers),
    dModel: Number(options.d),
    numHeads: Number(options.heads),
    moe: { kind: options.kind as 'scmoe', numExperts: Number(options.experts), topK: 1 },
  },
  { seed: 1 },
);
const optimizer = new AdamW({ beta1: 0.9, beta2: 0.95, weightDecay: 0.1 });
const random = new RandomStream({ seed: 1 });
const pixels = tf.tensor4d(
  Float32Array.from({ length: batch * imageSize * imageSize * 3 }, () => 2 * random.uniform() - 1),
  [batch, imageSize, imageSize, 3],
);
const labels = tf.tensor1d(
  Int32Array.from({ length: batch }, () => random.int(numClasses)),
  'int32',
);
const lossOf = () => model.loss({ pixels, labels }, { labelSmoothing: 0.1 }).loss;
await serveSteps({ model, optimizer, lossOf, mode: options.mode, started });
