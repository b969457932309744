import { Gpt } from '@scmoe/models';
import { AdamW, clipScale, cosineSchedule, globalNorm, RandomStream, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { characters } from './characters.js';
import { qualityConfig, type Variant } from './variants.js';

const batchSize = 12;
const validationBatch = 64;

export interface QualityRun {
  variant: string;
  seed: number;
  steps: number;
  /** Mean over the whole validation split, in nats per character. */
  validationLoss: number;
  numParameters: number;
  numActiveParameters: number;
  seconds: number;
}

/** Trains one model from its seed, which also draws the batches: all variants of a seed see the same ones. */
export async function trainVariant(
  variant: Variant,
  seed: number,
  { train, validation, vocabSize }: ReturnType<typeof characters>,
  steps: number,
): Promise<QualityRun> {
  const begin = performance.now();
  const model = new Gpt(qualityConfig(variant, vocabSize), { seed });
  const { sequenceLength } = model.config;
  const schedule = cosineSchedule({
    peak: 1e-3,
    minimum: 1e-4,
    warmupSteps: Math.min(100, Math.floor(steps / 20)),
    totalSteps: steps,
  });
  const optimizer = new AdamW({ beta1: 0.9, beta2: 0.99, weightDecay: 0.1 });
  const random = new RandomStream({ seed, stream: 7 });
  for (let step = 0; step < steps; step++) {
    tf.tidy(() => {
      const starts = Array.from({ length: batchSize }, () => random.int(train.length - sequenceLength));
      const batch = windows(train, starts, sequenceLength);
      const { grads } = valueAndGrads(() => model.loss(batch, { training: true }).loss, model.variables);
      const gradScale = clipScale(globalNorm(Object.values(grads)), 1);
      optimizer.step(model.variables, grads, { learningRate: schedule(step), gradScale });
    });
  }
  const run = {
    variant: variant.name,
    seed,
    steps,
    validationLoss: await validationLoss(model, validation),
    numParameters: model.numParameters(),
    numActiveParameters: model.numActiveParameters(),
    seconds: (performance.now() - begin) / 1000,
  };
  optimizer.dispose();
  model.dispose();
  return run;
}

function windows(ids: Int32Array, starts: readonly number[], sequenceLength: number) {
  const rows = (shift: number) =>
    tf.tensor2d(
      Int32Array.from(starts.flatMap((start) => [...ids.subarray(start + shift, start + shift + sequenceLength)])),
      [starts.length, sequenceLength],
      'int32',
    );
  return { ids: rows(0), targets: rows(1) };
}

async function validationLoss(model: Gpt, ids: Int32Array): Promise<number> {
  const { sequenceLength } = model.config;
  const starts: number[] = [];
  for (let start = 0; start + sequenceLength + 1 <= ids.length; start += sequenceLength) starts.push(start);
  let sum = 0;
  for (let i = 0; i < starts.length; i += validationBatch) {
    const chunk = starts.slice(i, i + validationBatch);
    const loss = tf.tidy(() => model.loss(windows(ids, chunk, sequenceLength)).crossEntropy);
    sum += (await loss.data())[0]! * chunk.length;
    loss.dispose();
  }
  return sum / starts.length;
}
