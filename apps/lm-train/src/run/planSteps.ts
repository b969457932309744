import type { Communicator } from '@scmoe/comm';
import { accumulateGradients, type TokenBatch, type Trainable } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

/** Forward and backward of the first steps pay for memory and caches; they are not counted. */
const warmUpSteps = 2;
const measuredSteps = 3;

/** A forward pass costs about a third of a training step. */
const evaluationShare = 1 / 3;

/**
 * How many updates fit in some minutes, from the time that a few gradients take now. Nothing is updated, and random
 * numbers are functions of the step, so a run with this number of steps given by hand is the same run. On several ranks
 * every rank calls it, and rank 0's clock decides.
 */
export async function planSteps(
  model: Trainable<TokenBatch>,
  drawBatch: (index: number) => TokenBatch,
  {
    minutes,
    microBatches,
    evalEvery,
    evalBatches,
  }: {
    minutes: number;
    /** Of one rank, per update. */
    microBatches: number;
    evalEvery: number;
    evalBatches: number;
  },
  world?: Communicator,
): Promise<{ steps: number; secondsPerStep: number }> {
  const times: number[] = [];
  for (let i = 0; i < warmUpSteps + measuredSteps; i++) {
    const start = performance.now();
    const { loss, grads, metrics } = accumulateGradients(model, [{ batch: drawBatch(i), seed: i }], 1);
    loss.dataSync();
    tf.dispose([loss, grads, metrics]);
    if (i >= warmUpSteps) times.push((performance.now() - start) / 1000);
  }
  const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
  const evaluation = (median * evaluationShare * Math.max(1, evalBatches)) / (world?.size ?? 1);
  const secondsPerStep = median * microBatches + (evalEvery > 0 ? evaluation / evalEvery : 0);
  const steps = Math.max(1, Math.floor((minutes * 60 - evaluation) / secondsPerStep));
  const agreed = world ? (await world.broadcast(Int32Array.of(steps)).done)[0]! : steps;
  return { steps: agreed, secondsPerStep };
}
