import { Gpt } from '@scmoe/models';
import { AdamW, clipScale, findAddon, globalNorm, RandomStream, useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { median } from '../../statistics.js';
import { phaseTable } from './phaseTable.js';
import { TimedCalls, type PhaseTimes } from './TimedCalls.js';

/** Options of `phasesSuite`. */
export interface PhasesOptions {
  rounds?: number;
  threads?: number;
  precisions?: readonly string[];
  /** Names of `models`; all by default. */
  only?: readonly string[];
}

const [batchSize, sequenceLength, numLayers] = [8, 256, 8];
const models = [
  { name: 'd256', dModel: 256, numExperts: 8, vocabSize: 256 },
  { name: 'd512', dModel: 512, numExperts: 16, vocabSize: 32_000 },
];

/**
 * A training step's native calls, phase by phase, against their limits: products at the best rate that a product of the step
 * reaches, everything else at the rate at which memory is read and written in place. What is faster than that was in the caches.
 */
export async function phasesSuite({
  rounds = 5,
  threads = 1,
  precisions = ['float32', 'bf16'],
  only,
}: PhasesOptions = {}): Promise<string> {
  const texts: string[] = [];
  for (const model of models.filter(({ name }) => !only || only.includes(name))) {
    for (const precision of precisions) {
      await useBackend('scmoe', { threads, precision: precision as 'float32' | 'bf16' });
      texts.push(await measure(model, precision, rounds));
    }
  }
  return texts.join('\n\n');
}

async function measure(
  { name, dModel, numExperts, vocabSize }: (typeof models)[number],
  precision: string,
  rounds: number,
): Promise<string> {
  const limits = { flops: productRate(dModel), bytes: memoryRate() };
  const moe = { kind: 'scmoe', numExperts, topK: 1 } as const;
  const model = new Gpt({ vocabSize, numLayers, dModel, numHeads: 8, sequenceLength, moe }, { seed: 1 });
  const optimizer = new AdamW();
  const random = new RandomStream({ seed: 1 });
  const draw = () => Int32Array.from({ length: batchSize * sequenceLength }, () => random.int(vocabSize));
  const [ids, targets] = [draw(), draw()].map((values) => tf.tensor2d(values, [batchSize, sequenceLength], 'int32'));
  const step = async () => {
    const begin = performance.now();
    const loss = tf.tidy(() => {
      const { value, grads } = valueAndGrads(() => model.loss({ ids: ids!, targets: targets! }).loss, model.variables);
      const gradScale = clipScale(globalNorm(Object.values(grads)), 1);
      optimizer.step(model.variables, grads, { learningRate: 1e-3, gradScale });
      return value;
    });
    await loss.data();
    loss.dispose();
    return (performance.now() - begin) / 1000;
  };
  for (let i = 0; i < 2; i++) await step();
  const steps: number[] = [];
  const all: Map<string, PhaseTimes>[] = [];
  for (let i = 0; i < rounds; i++) {
    const calls = new TimedCalls();
    try {
      steps.push(await step());
    } finally {
      calls.restore();
    }
    all.push(calls.phases);
  }
  optimizer.dispose();
  tf.dispose([ids!, targets!, model.variables]);
  const title = `${name}, ${precision}: ${(limits.flops / 1e9).toFixed(0)} GFLOP/s, ${(limits.bytes / 1e9).toFixed(0)} GB/s`;
  return `${title}\n\n${phaseTable(all, median(steps), limits)}`;
}

/** The best rate of a product of the model's layers, FLOP/s, called from C++. */
function productRate(dModel: number): number {
  const { benchmarkProduct } = findAddon().addon as {
    benchmarkProduct: (args: { m: number; n: number; k: number; repeats: number }) => number;
  };
  const m = batchSize * sequenceLength;
  const shapes = [
    [m, dModel, dModel],
    [m, 4 * dModel, dModel],
    [m, dModel, 4 * dModel],
    [1024, 1024, 1024],
  ] as const;
  return Math.max(...shapes.map(([m, n, k]) => (2 * m * n * k) / benchmarkProduct({ m, n, k, repeats: 9 })));
}

/** What memory does at best, bytes/s: read and written where they are, of numbers that no cache holds, called from C++. */
function memoryRate(): number {
  const { benchmarkMemory } = findAddon().addon as {
    benchmarkMemory: (args: { bytes: number; repeats: number }) => number;
  };
  return benchmarkMemory({ bytes: 2 ** 28, repeats: 9 });
}
