import { setImmediate } from 'node:timers/promises';

import { type AdamW, clipScale, globalNorm } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { UserError } from '../UserError.js';
import { accumulateGradients } from './accumulateGradients.js';
import { microBatchSeed } from './microBatchSeed.js';
import type { Batch, Trainable } from './Trainable.js';

/** What one step did. */
export interface StepRecord {
  /** Updates done, this one included. */
  step: number;
  loss: number;
  /** The model's own metrics, averaged over the step's micro-batches. */
  metrics: Record<string, number>;
  /** Length of the whole gradient before clipping. */
  gradientNorm: number;
  learningRate: number;
  seconds: number;
}

export interface TrainOptions<B extends Batch> {
  model: Trainable<B>;
  optimizer: AdamW;
  /** Micro-batch number n of the run, a function of n alone: step s takes s * accumulate ... + accumulate - 1. */
  drawBatch: (index: number) => B;
  /** Learning rate of the update with this index, from 0. */
  learningRate: (index: number) => number;
  /** Updates of the whole run. */
  steps: number;
  /** Updates that a checkpoint has already done. */
  startStep?: number;
  /** Micro-batches per update. */
  accumulate?: number;
  /** Largest length of the gradient; 0 does not clip. */
  clip?: number;
  seed?: number;
  onStep?: (record: StepRecord) => void | Promise<void>;
  /** Called after every `evalEvery` updates and after the last one. */
  evaluate?: (step: number) => Promise<void>;
  /** 0: only after the last update. */
  evalEvery?: number;
  /** Called after every `saveEvery` updates and when the loop ends, however it ends. */
  save?: (step: number) => Promise<void>;
  saveEvery?: number;
  /** Stops after the current update; what was done is saved. */
  signal?: AbortSignal;
}

/** A loss or gradient that is no number: training can't go on. */
export class DivergedError extends UserError {
  override readonly name = 'DivergedError';
  constructor(
    readonly step: number,
    quantity: string,
    value: number,
  ) {
    super(
      `Training diverged at step ${step}: the ${quantity} is ${value}, expected a finite number. ` +
        'The parameters were not updated with it. A lower learning rate, a longer warm-up or a smaller clip may help.',
    );
  }
}

/**
 * Trains until `steps` updates are done or `signal` fires.
 *
 * @returns the number of updates done and whether that was all of them
 * @throws DivergedError at the first loss or gradient that is not finite; checkpoints stay as they were.
 */
export async function train<B extends Batch>({
  model,
  optimizer,
  drawBatch,
  learningRate,
  steps,
  startStep = 0,
  accumulate = 1,
  clip = 1,
  seed = 0,
  onStep,
  evaluate,
  evalEvery = 0,
  save,
  saveEvery = 0,
  signal,
}: TrainOptions<B>): Promise<{ step: number; finished: boolean }> {
  let step = startStep;
  let savedStep = startStep;

  while (step < steps && !signal?.aborted) {
    const start = performance.now();
    const rate = learningRate(step);
    const micro = microBatches(drawBatch, step * accumulate, accumulate, seed);

    const { loss, metrics, grads } = accumulateGradients(model, micro, accumulate);
    const norm = globalNorm(Object.values(grads));
    const values = await readScalars({ ...metrics, loss, gradientNorm: norm });
    const { loss: lossValue, gradientNorm, ...metricValues } = values as { loss: number; gradientNorm: number };
    if (!Number.isFinite(lossValue)) throw new DivergedError(step + 1, 'loss', lossValue);
    if (!Number.isFinite(gradientNorm)) throw new DivergedError(step + 1, 'gradient norm', gradientNorm);

    const gradScale = clip > 0 ? clipScale(norm, clip) : undefined;
    optimizer.step(model.variables, grads, { learningRate: rate, gradScale });
    tf.dispose([loss, metrics, grads, norm, gradScale ?? []]);
    step++;

    const seconds = (performance.now() - start) / 1000;
    await onStep?.({ step, loss: lossValue, metrics: metricValues, gradientNorm, learningRate: rate, seconds });
    if (evaluate && (step === steps || isMultiple(step, evalEvery))) await evaluate(step);
    if (save && isMultiple(step, saveEvery)) {
      await save(step);
      savedStep = step;
    }
    // A turn of the event loop: kernels are synchronous, so without it no signal or timer would ever be heard.
    await setImmediate();
  }

  if (save && savedStep !== step) await save(step);
  return { step, finished: step >= steps };
}

function* microBatches<B extends Batch>(drawBatch: (index: number) => B, first: number, count: number, seed: number) {
  for (let index = first; index < first + count; index++) {
    yield { batch: drawBatch(index), seed: microBatchSeed(seed, index) };
  }
}

async function readScalars(scalars: Record<string, tf.Scalar>): Promise<Record<string, number>> {
  const entries = Object.entries(scalars);
  const values = await Promise.all(entries.map(async ([, scalar]) => (await scalar.data())[0]!));
  return Object.fromEntries(entries.map(([name], i) => [name, values[i]!]));
}

function isMultiple(step: number, every: number): boolean {
  return every > 0 && step % every === 0;
}
