import { cosineSchedule } from '@scmoe/tensor';

import { numPoints, type CurvePoint } from './SecondsRun.js';
import { SecondsTraining, type SecondsData } from './SecondsTraining.js';
import type { SecondsSizes, SecondsVariant } from './variants.js';

/** What a contender is trained on, and for how long. */
export interface SecondsTask {
  data: SecondsData;
  sizes: SecondsSizes;
  seed: number;
  seconds: number;
  lr: number;
  /** Seconds that a step of it counts for, whatever it takes; without, those that it takes. */
  pace?: number;
}

/**
 * Trains one contender for so many seconds of steps, its learning rate falling by the same clock: a twentieth of the time of warm-up,
 * then a cosine to a tenth.
 */
export async function trainForSeconds(
  variant: SecondsVariant,
  { data, sizes, seed, seconds, lr, pace }: SecondsTask,
): Promise<{ numParameters: number; numActiveParameters: number; curve: CurvePoint[] }> {
  const training = new SecondsTraining(variant, data, sizes, seed);
  const totalMs = Math.round(seconds * 1000);
  const rate = cosineSchedule({
    peak: lr,
    minimum: lr / 10,
    warmupSteps: Math.floor(totalMs / 20),
    totalSteps: totalMs,
  });
  const curve: CurvePoint[] = [];
  const measure = async (step: number, elapsed: number) => {
    curve.push({ seconds: elapsed, step, loss: await training.validationLoss() });
  };
  // Beside the clock: what is measured costs nobody training time.
  const look = async (step: number, elapsed: number) => {
    if (elapsed >= (seconds * curve.length) / numPoints) await measure(step, elapsed);
  };
  await measure(0, 0);
  await training.train(
    pace === undefined
      ? {
          learningRate: (_, elapsed) => rate(elapsed * 1000),
          clock: { totalSeconds: seconds },
          onStep: ({ step, elapsedSeconds }) => look(step, elapsedSeconds!),
        }
      : {
          learningRate: (index) => rate(index * pace * 1000),
          steps: Math.ceil(seconds / pace),
          onStep: ({ step }) => look(step, step * pace),
        },
  );
  const counts = training.counts();
  training.dispose();
  return { ...counts, curve };
}
