import { Gpt } from '@scmoe/models';
import { AdamW, clipScale, cosineSchedule, globalNorm, RandomStream, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { validationLoss, windows } from './characterBatches.js';
import type { characters } from './characters.js';
import { qualityConfig, type Variant } from './variants.js';

const batchSize = 12;

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
