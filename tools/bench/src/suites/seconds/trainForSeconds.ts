import { Gpt } from '@scmoe/models';
import { AdamW, cosineSchedule } from '@scmoe/tensor';
import { evaluate, randomTokenBatches, sequentialTokenBatches, train, type TokenSequence } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { type CurvePoint, numPoints } from './SecondsRun.js';
import type { SecondsSizes, SecondsVariant } from './variants.js';

/** Validation batches at each time: enough for the third digit. */
const validationBatches = 16;

/** What a contender is trained on, and for how long. */
export interface SecondsTask {
  data: { train: TokenSequence; validation: TokenSequence; vocabSize: number };
  sizes: SecondsSizes;
  seed: number;
  seconds: number;
  lr: number;
}

/** Trains one contender for so many seconds of steps, its learning rate falling by the same clock. */
export async function trainForSeconds(variant: SecondsVariant, { data, sizes, seed, seconds, lr }: SecondsTask) {
  const model = new Gpt(variant.config(sizes, data.vocabSize), { seed });
  const optimizer = new AdamW({ beta1: 0.9, beta2: 0.95, weightDecay: 0.1 });
  const totalMs = Math.round(seconds * 1000);
  const rate = cosineSchedule({
    peak: lr,
    minimum: lr / 10,
    warmupSteps: Math.floor(totalMs / 20),
    totalSteps: totalMs,
  });
  const trained = {
    variables: model.variables,
    loss: (
      batch: { ids: tf.Tensor2D; targets: tf.Tensor2D },
      { training, seed }: { training: boolean; seed: unknown },
    ) => {
      const { loss, crossEntropy } = model.loss(batch, { training, dropoutSeed: seed as number });
      return training ? { loss } : { loss: crossEntropy };
    },
  };
  const shape = { batchSize: sizes.batchSize, sequenceLength: sizes.sequenceLength };
  const curve: CurvePoint[] = [];
  const measure = async (step: number, elapsed: number) => {
    const batches = sequentialTokenBatches(data.validation, { ...shape, maxBatches: validationBatches });
    const { loss } = await evaluate(trained, batches);
    curve.push({ seconds: elapsed, step, loss });
  };
  await measure(0, 0);
  await train({
    model: trained,
    optimizer,
    drawBatch: randomTokenBatches(data.train, { ...shape, seed }),
    learningRate: (_, elapsed) => rate(elapsed * 1000),
    clock: { totalSeconds: seconds },
    seed,
    // Beside the clock: what is measured costs nobody training time.
    onStep: async ({ step, elapsedSeconds }) => {
      if (elapsedSeconds! >= (seconds * curve.length) / numPoints) await measure(step, elapsedSeconds!);
    },
  });
  const counts = { numParameters: model.numParameters(), numActiveParameters: model.numActiveParameters() };
  optimizer.dispose();
  model.dispose();
  return { ...counts, curve };
}
