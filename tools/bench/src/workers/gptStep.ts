// One process that trains (or runs forward) the benchmark's GPT on our tensor core and answers `run N` with one JSON line.
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { Gpt } from '@scmoe/models';
import { AdamW, clipScale, globalNorm, RandomStream, useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

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
const optimizer = new AdamW({ beta1: 0.9, beta2: 0.95, weightDecay: 0.1 });
const random = new RandomStream({ seed: 1 });
const draw = () => Int32Array.from({ length: batch * sequenceLength }, () => random.int(vocabSize));
const ids = tf.tensor2d(draw(), [batch, sequenceLength], 'int32');
const targets = tf.tensor2d(draw(), [batch, sequenceLength], 'int32');

async function step(): Promise<number> {
  const loss = tf.tidy(() => {
    if (options.mode === 'forward') return model.loss({ ids, targets }).loss;
    const { value, grads } = valueAndGrads(() => model.loss({ ids, targets }).loss, model.variables);
    const norm = globalNorm(Object.values(grads));
    optimizer.step(model.variables, grads, { learningRate: 1e-3, gradScale: clipScale(norm, 1) });
    return value;
  });
  const value = (await loss.data())[0]!;
  loss.dispose();
  return value;
}

/** Kernel calls of one step: counted at the engine, not timed. */
async function countKernelCalls(): Promise<number> {
  const engine = tf.engine() as unknown as { runKernelFunc: (params: unknown) => unknown };
  const original = engine.runKernelFunc.bind(engine);
  let calls = 0;
  engine.runKernelFunc = (params) => {
    calls++;
    return original(params);
  };
  await step();
  engine.runKernelFunc = original;
  return calls;
}

let loss = await step();
const kernelCalls = await countKernelCalls();
console.log(
  JSON.stringify({
    ready: true,
    version: `@scmoe on ${tf.getBackend()}`,
    firstStepSeconds: (performance.now() - started) / 1000,
    parameters: model.numParameters(),
  }),
);
for await (const line of createInterface({ input: process.stdin })) {
  const [command, count] = line.split(' ');
  if (command !== 'run') break;
  const begin = performance.now();
  for (let i = 0; i < Number(count); i++) loss = await step();
  const seconds = (performance.now() - begin) / 1000;
  console.log(JSON.stringify({ seconds, loss, kernelCalls, peakBytes: process.resourceUsage().maxRSS * 1024 }));
}
process.exit(0);
