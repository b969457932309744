// One process that trains (or runs forward) the benchmark's ViT on our tensor core and answers `run N` with one JSON line.
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { Vit } from '@scmoe/models';
import { AdamW, clipScale, globalNorm, RandomStream, useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

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

async function step(): Promise<number> {
  const loss = tf.tidy(() => {
    if (options.mode === 'forward') return lossOf();
    const { value, grads } = valueAndGrads(lossOf, model.variables);
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
