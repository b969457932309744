import { AdamW, cosineSchedule } from '@scmoe/tensor';
import {
  createMadTask,
  MacroAccuracy,
  madTestBatches,
  type MadTaskName,
  type MadTaskOptions,
  madTrainingBatches,
  train,
} from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import type { MadKind } from './kinds.js';
import { MadModel } from './MadModel.js';
import type { MadProtocol } from './protocol.js';

/** What is trained: a kind on a setting of a task, with one point of the grid. */
export interface MadRunId {
  protocol: MadProtocol['name'];
  kind: string;
  task: MadTaskName;
  /** Options of the task. */
  setting: MadTaskOptions;
  seed: number;
  learningRate: number;
  weightDecay: number;
}

export interface MadRun extends MadRunId {
  /** Accuracy over the counted targets of the test samples, averaged over classes; from 0 to 1. */
  accuracy: number;
  steps: number;
  seconds: number;
}

/** Trains one model from its seed, which also draws the data: all kinds of a seed see the same samples in the same order. */
export async function trainMad(id: MadRunId, kind: MadKind, protocol: MadProtocol): Promise<MadRun> {
  const { batchSize, epochs, numTestSamples } = protocol;
  const { seed, learningRate, weightDecay } = id;
  const begin = performance.now();
  const task = createMadTask(id.task, id.setting);
  const model = new MadModel(task, kind, { seed });
  const { drawBatch, batchesPerEpoch } = madTrainingBatches(task, {
    batchSize,
    seed,
  });
  const steps = epochs[task.name] * batchesPerEpoch;
  const optimizer = new AdamW({ beta1: 0.9, beta2: 0.999, weightDecay });
  const schedule = cosineSchedule({ peak: learningRate, minimum: 1e-6, totalSteps: steps });
  await train({ model, optimizer, drawBatch, learningRate: schedule, steps, clip: 0, seed });

  const accuracy = new MacroAccuracy(task.vocabSize);
  for (const batch of madTestBatches(task, { numSamples: numTestSamples, batchSize, seed })) {
    accuracy.add(await model.predict(batch.ids), await batch.targets.data<'int32'>());
    tf.dispose(batch);
  }
  optimizer.dispose();
  model.dispose();
  return { ...id, accuracy: accuracy.value(), steps, seconds: (performance.now() - begin) / 1000 };
}
