import { expectThat } from '@scmoe/errors';
import { clipScale, nextTurn } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { Optimizer } from '../optimizer/Optimizer.js';
import { GradientReducer, type GradientPacing } from '../parallel/GradientReducer.js';
import type { RankGroups } from '../parallel/RankGroups.js';
import { checkAccumulate, shareOf } from '../parallel/shareOf.js';
import { accumulateGradients } from './accumulateGradients.js';
import { DivergedError, type Divergence, findDivergence } from './Divergence.js';
import { microBatchSeed } from './microBatchSeed.js';
import { reduceStep } from './reduceStep.js';
import { eagerExecution, type StepExecution } from './StepExecution.js';
import { sumsOfStep } from './sumsOfStep.js';
import type { Batch, Trainable, WholeStep } from './Trainable.js';

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
  /** Training time of the run so far, by rank 0's clock, where there is a `clock`. */
  elapsedSeconds?: number;
  /** The update was left out, for it was not finite. */
  skipped?: true;
}

/** The time that a run has, see `TrainOptions.clock`. */
export interface TrainingClock {
  /** Training time of the whole run. */
  totalSeconds: number;
  /** What of it a checkpoint has already had. Default: 0. */
  startSeconds?: number;
}

/** Options of `train`. */
export interface TrainOptions<B extends Batch> {
  model: Trainable<B>;
  optimizer: Optimizer;
  /** How the parts of a step compute: operation by operation by default, or compiled. It is the caller's to dispose. */
  execution?: StepExecution<B>;
  /** Micro-batch number n of the run, a function of n alone: step s takes s * accumulate ... + accumulate - 1. */
  drawBatch: (index: number) => B;
  /** Learning rate of the update with this index, from 0, and after so much training time, where there is a `clock`. */
  learningRate: (index: number, elapsedSeconds: number) => number;
  /** Updates of the whole run. Default: as many as its time has room for. */
  steps?: number;
  /**
   * Ends the run by time instead: after the first step at whose end it is up. Steps count, from their batch to their update;
   * start-up, evaluations, checkpoints and what `onStep` does don't. On several ranks it is rank 0's clock, which all hear of
   * with the losses, so that they end after the same step. Such a run can't be repeated bit for bit.
   */
  clock?: TrainingClock;
  /** Updates that a checkpoint has already done. */
  startStep?: number;
  /** Micro-batches per update, shared out over the ranks with data of their own; by default one for each. */
  accumulate?: number;
  /**
   * What losses that are no mean over tokens, such as the load balance of routers, are taken of: each micro-batch, whose
   * losses are averaged (the default), or the whole step, as if all its micro-batches were one batch, at the cost of one more
   * forward pass for each micro-batch where a rank has several.
   */
  lossesOver?: 'microBatch' | 'step';
  /** The ranks that train together; without, this process alone. */
  groups?: RankGroups;
  /** Whether a parameter is sharded over the expert group instead of being on every rank. */
  isSharded?: (name: string) => boolean;
  /** The axis along which it is cut over the tensor-parallel group or over the shards of experts, if it is. */
  slicedAxis?: (name: string) => number | undefined;
  /** Gradients travel in buckets of so many bytes, see GradientReducer. */
  bucketBytes?: number;
  /** Lets the averaging of gradients wait for places between exchanges, see GradientReducer. */
  pacing?: GradientPacing;
  /** Largest length of the gradient; 0 does not clip. */
  clip?: number;
  seed?: number;
  /**
   * Hears, on every rank, of a loss or gradient that is not finite; all have to answer alike. 'stop', the default, throws
   * DivergedError; 'skip' leaves the update out and goes on with the next data: the step counts, the optimizer's does not.
   */
  onDivergence?: (divergence: Divergence) => 'stop' | 'skip';
  /** Hears of every update. */
  onStep?: (record: StepRecord) => void | Promise<void>;
  /** Measures the model after every `evalEvery` updates and after the last one. */
  evaluate?: (step: number) => Promise<void>;
  /** 0: only after the last update. */
  evalEvery?: number;
  /** Saves the training after every `saveEvery` updates and when the loop ends, however it ends. */
  save?: (step: number, elapsedSeconds: number) => Promise<void>;
  saveEvery?: number;
  /** Stops after the current update, on all ranks when it fires on one; what was done is saved. */
  signal?: AbortSignal;
}

/**
 * Trains until `steps` updates are done, the time is up or `signal` fires. On several ranks every rank calls it, with the same options.
 *
 * @returns the number of updates done, the training time by `clock`, and whether that was all of it
 * @throws ArgumentError where there are neither `steps` nor a `clock`
 * @throws DivergedError at the first loss or gradient that is not finite, on all ranks, unless `onDivergence` says
 *   otherwise; checkpoints stay as they were.
 * @throws CommError where another rank failed
 */
export async function train<B extends Batch>({
  model,
  optimizer,
  execution = eagerExecution(model, optimizer),
  drawBatch,
  learningRate,
  steps = Infinity,
  clock,
  startStep = 0,
  groups,
  accumulate = groups?.data.size ?? 1,
  lossesOver = 'microBatch',
  isSharded = () => false,
  slicedAxis,
  bucketBytes,
  pacing,
  clip = 1,
  seed = 0,
  onDivergence = () => 'stop',
  onStep,
  evaluate,
  evalEvery = 0,
  save,
  saveEvery = 0,
  signal,
}: TrainOptions<B>): Promise<{ step: number; finished: boolean; elapsedSeconds?: number }> {
  expectThat(clock !== undefined || steps !== Infinity, 'steps', 'a number of them where there is no clock', undefined);
  const { rank, size } = groups?.data ?? { rank: 0, size: 1 };
  checkAccumulate(accumulate, size);
  const reducer = groups && new GradientReducer(groups, { isSharded, slicedAxis, bucketBytes, pacing });
  let step = startStep;
  let savedStep = startStep;
  // What all ranks have agreed on, and this rank's own clock.
  let elapsedSeconds = clock?.startSeconds ?? 0;
  let ownSeconds = elapsedSeconds;
  const isOver = () => step >= steps || (clock !== undefined && elapsedSeconds >= clock.totalSeconds);
  // On several ranks one that stops by itself would leave the others waiting: they agree on it, within a step.
  let stopping = !groups && signal?.aborted === true;

  while (!isOver() && !stopping) {
    const start = performance.now();
    const rate = learningRate(step, elapsedSeconds);
    const own = shareOf(step, { accumulate, rank, size });
    const draw = () => microBatches(drawBatch, own, seed);
    const parts = { numOwn: own.length, numMicroBatches: accumulate, world: groups?.data };
    const whole = lossesOver === 'step' ? await sumsOfStep(model, draw(), parts) : undefined;

    const {
      loss,
      metrics,
      grads: ownGrads,
    } = accumulateGradients(
      model,
      withWhole(draw(), whole),
      own.length,
      reducer && ((name, gradient) => reducer.add(name, gradient)),
      execution,
    );
    whole?.dispose();
    const grads = reducer ? await reducer.finish() : ownGrads;
    const stop = signal?.aborted === true;
    const soFar = clock && ownSeconds + (performance.now() - start) / 1000;
    const values = await reduceStep(
      { loss, metrics, grads },
      { groups, isSharded, slicedAxis, stop, norm: execution.norm, seconds: soFar },
    );
    elapsedSeconds = values.seconds ?? elapsedSeconds;
    const { gradientNorm } = values;
    const divergence = findDivergence(step + 1, values, grads);
    const skipped = divergence !== undefined && onDivergence(divergence) === 'skip';
    if (!divergence) {
      const gradScale = clip > 0 ? tf.tidy(() => clipScale(tf.scalar(gradientNorm), clip)) : undefined;
      execution.update(grads, { learningRate: rate, gradScale });
      tf.dispose(gradScale ?? []);
    }
    tf.dispose([loss, metrics, grads, ...(reducer ? [ownGrads] : [])]);
    if (divergence && !skipped) throw new DivergedError(divergence);
    step++;

    const seconds = (performance.now() - start) / 1000;
    ownSeconds += seconds;
    const record = { step, loss: values.loss, metrics: values.metrics, gradientNorm, learningRate: rate, seconds };
    await onStep?.({ ...record, ...(clock && { elapsedSeconds }), ...(skipped && { skipped }) });
    if (evaluate && (isOver() || isMultiple(step, evalEvery))) await evaluate(step);
    if (save && isMultiple(step, saveEvery)) {
      await save(step, elapsedSeconds);
      savedStep = step;
    }
    await nextTurn();
    stopping = groups ? values.stop : signal?.aborted === true;
  }

  if (save && savedStep !== step) await save(step, elapsedSeconds);
  return { step, finished: isOver(), ...(clock && { elapsedSeconds }) };
}

function* microBatches<B extends Batch>(drawBatch: (index: number) => B, indices: readonly number[], seed: number) {
  for (const index of indices) yield { batch: drawBatch(index), seed: microBatchSeed(seed, index) };
}

function* withWhole<Item extends object>(items: Iterable<Item>, whole: WholeStep | undefined) {
  for (const item of items) yield { ...item, ...(whole && { whole }) };
}

function isMultiple(step: number, every: number): boolean {
  return every > 0 && step % every === 0;
}
