import { Gpt } from '@scmoe/models';
import { AdamW, clipScale, findAddon, globalNorm, RandomStream, useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { median } from '../../statistics.js';
import { table } from '../../table.js';
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
 * reaches, everything else at the bandwidth of memory. What fits into a cache can pass that.
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
  const limits = { flops: productRate(dModel), bytes: bandwidth() };
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

function phaseTable(all: readonly Map<string, PhaseTimes>[], step: number, limits: { flops: number; bytes: number }) {
  const phases = [...all[0]!].map(([name, { calls, flops, bytes }]) => ({
    name,
    calls,
    seconds: median(all.map((round) => round.get(name)?.seconds ?? 0)),
    limit: Math.max(flops / limits.flops, bytes / limits.bytes),
  }));
  const large = phases.filter(({ seconds }) => seconds > step / 500).sort((a, b) => b.seconds - a.seconds);
  const sum = (some: typeof phases, key: 'seconds' | 'limit' | 'calls') =>
    some.reduce((total, phase) => total + phase[key], 0);
  const rest = phases.filter((phase) => !large.includes(phase));
  const [calls, seconds, limit] = (['calls', 'seconds', 'limit'] as const).map((key) => sum(rest, key)) as [
    number,
    number,
    number,
  ];
  const inKernels = sum(phases, 'seconds');
  const javaScript = { name: 'JavaScript', calls: 1, seconds: step - inKernels, limit: 0 };
  const whole = { name: 'step', calls: 1, seconds: step, limit: sum(phases, 'limit') };
  const ms = (value: number) => `${(value * 1000).toFixed(1)} ms`;
  const rows = [...large, { name: 'other kernels', calls, seconds, limit }, javaScript, whole].map((phase) => [
    phase.name,
    String(phase.calls),
    ms(phase.seconds),
    ms(phase.limit),
    `${((100 * phase.limit) / phase.seconds).toFixed(0)} %`,
    ms(phase.seconds - phase.limit),
  ]);
  return table(['phase', 'calls', 'time', 'limit', 'share of the limit', 'over it'], rows);
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

/** Streaming read and write bandwidth of memory, bytes/s. */
function bandwidth(): number {
  const x = tf.zeros([1 << 24]);
  const seconds = Array.from({ length: 9 }, () => {
    const begin = performance.now();
    tf.neg(x).dispose();
    return (performance.now() - begin) / 1000;
  });
  x.dispose();
  return (2 * 4 * (1 << 24)) / median(seconds);
}
