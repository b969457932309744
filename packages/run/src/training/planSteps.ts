import type { Communicator } from '@scmoe/comm';
import { accumulateGradients, type Batch, type StepExecution, type Trainable } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

/** The first passes pay for memory, caches and the compiler of JavaScript; so many seconds of them are not counted. */
const warmUpSeconds = 2;
const fewestWarmUps = 1;
const mostWarmUps = 8;
/** A compiled pass is compiled in the first one and compared in the second and the fourth, which take longer. */
const compiledWarmUps = 3;
const measuredPasses = 3;

/** A forward pass costs about a third of a training step. */
const evaluationShare = 1 / 3;

/**
 * How many updates fit in some minutes, from the time that a few gradients take now. Nothing is updated, and random
 * numbers are functions of the step, so a run with this number of steps given by hand is the same run. On several ranks
 * every rank calls it, and rank 0's clock decides.
 */
export async function planSteps<B extends Batch>(
  model: Trainable<B>,
  drawBatch: (index: number) => B,
  {
    minutes,
    microBatches,
    evalEvery,
    evalBatches,
    numEvaluating = 1,
    execution,
    isCompiled = false,
  }: {
    minutes: number;
    /** Micro-batches of one rank, per update. */
    microBatches: number;
    evalEvery: number;
    evalBatches: number;
    /** Ranks that share the batches of an evaluation. Default: 1. */
    numEvaluating?: number;
    /** How the run computes its steps, and whether that is compiled. */
    execution?: StepExecution<B>;
    isCompiled?: boolean;
  },
  world?: Communicator,
): Promise<{ steps: number; secondsPerStep: number }> {
  const agree = async (own: number) => (world ? (await world.broadcast(Int32Array.of(own)).done)[0]! : own);
  let index = 0;
  const pass = () => {
    const start = performance.now();
    const one = [{ batch: drawBatch(index), seed: index++ }];
    const { loss, grads, metrics } = accumulateGradients(model, one, 1, undefined, execution);
    loss.dataSync();
    tf.dispose([loss, grads, metrics]);
    return (performance.now() - start) / 1000;
  };
  const warmUps = Math.floor(warmUpSeconds / pass());
  const more = await agree(Math.min(mostWarmUps, Math.max(isCompiled ? compiledWarmUps : fewestWarmUps, warmUps)));
  for (let i = 0; i < more; i++) pass();
  const times = Array.from({ length: measuredPasses }, pass);
  const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
  const evaluation = (median * evaluationShare * Math.max(1, evalBatches)) / numEvaluating;
  const secondsPerStep = median * microBatches + (evalEvery > 0 ? evaluation / evalEvery : 0);
  const steps = Math.max(1, Math.floor((minutes * 60 - evaluation) / secondsPerStep));
  return { steps: await agree(steps), secondsPerStep };
}
