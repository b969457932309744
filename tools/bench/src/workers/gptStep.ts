// One process that trains (or runs forward) the benchmark's GPT on our tensor core and answers `run N` with one JSON line.
import { parseArgs } from 'node:util';

import { Gpt, type RecomputeMode } from '@scmoe/models';
import { AdamW, type MomentFormat, RandomStream, useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { serveSteps } from './serveSteps.js';

const { values: options } = parseArgs({
  options: {
    backend: { type: 'string', default: 'scmoe' },
    threads: { type: 'string', default: '1' },
    precision: { type: 'string', default: 'float32' },
    mode: { type: 'string', default: 'train' },
    kind: { type: 'string', default: 'scmoe' },
    layers: { type: 'string', default: '8' },
    d: { type: 'string', default: '256' },
    heads: { type: 'string', default: '8' },
    sequence: { type: 'string', default: '256' },
    batch: { type: 'string', default: '8' },
    experts: { type: 'string', default: '8' },
    vocab: { type: 'string', default: '256' },
    recompute: { type: 'string', default: 'off' },
    moments: { type: 'string', default: 'float32' },
    captured: { type: 'boolean', default: false },
  },
});

const started = performance.now();
await useBackend(options.backend, {
  threads: Number(options.threads),
  precision: options.precision as 'float32' | 'bf16',
});
const batch = Number(options.batch);
const sequenceLength = Number(options.sequence);
const vocabSize = Number(options.vocab);
const model = new Gpt(
  {
    vocabSize,
    numLayers: Number(options.layers),
    dModel: Number(options.d),
    numHeads: Number(options.heads),
    sequenceLength,
    moe: { kind: options.kind as 'scmoe', numExperts: Number(options.experts), topK: 1 },
  },
  { seed: 1 },
);
const optimizer = new AdamW({
  ...{ beta1: 0.9, beta2: 0.95, weightDecay: 0.1 },
  moments: options.moments as MomentFormat,
});
const random = new RandomStream({ seed: 1 });
const draw = () => Int32Array.from({ length: batch * sequenceLength }, () => random.int(vocabSize));
const ids = tf.tensor2d(draw(), [batch, sequenceLength], 'int32');
const targets = tf.tensor2d(draw(), [batch, sequenceLength], 'int32');
const recompute = options.recompute as RecomputeMode;
const lossOf = () => model.loss({ ids, targets }, { recompute }).loss;
await serveSteps({ model, optimizer, lossOf, mode: options.mode, started, isCaptured: options.captured });
