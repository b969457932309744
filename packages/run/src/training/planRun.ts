import { UserError } from '@scmoe/errors';
import { cosineSchedule } from '@scmoe/tensor';

import { say } from '../cli/Terminal.js';
import type { RunSettings } from '../options/Settings.js';
import { defaultMinutes } from '../options/trainingOptions.js';
import { count, duration } from '../report/format.js';
import type { Parts } from './buildParts.js';
import type { Start } from './openStart.js';
import { planSteps } from './planSteps.js';

/** A run whose length is decided. */
export interface PlannedRun {
  settings: RunSettings & { steps: number; accumulate: number };
  learningRate: (step: number) => number;
}

/** Decides how many steps the run has, by measuring some where only a time is given. Every rank calls it. */
export async function planRun(start: Start, parts: Parts): Promise<PlannedRun> {
  const { steps, ...others } = start.settings;
  const settings = steps === undefined ? await stepsInTime(start, parts) : { ...others, steps };
  return { settings, learningRate: scheduleOf(settings) };
}

async function stepsInTime(
  { program, ranks, settings }: Start,
  { trained, execution, isCompiled, drawBatch, balancer, monitor, unitsPerStep }: Parts,
): Promise<PlannedRun['settings']> {
  // The time is for choosing the number of steps; the run then takes as long as they take.
  const { minutes = defaultMinutes, ...others } = settings;
  const own = settings.accumulate / ranks.data.size;
  // Losses over the step take a forward pass more of each of several micro-batches: a third of what is measured.
  const passes = settings.lossesOver === 'step' && own > 1 ? 4 / 3 : 1;
  const shared = { numEvaluating: ranks.data.size, execution, isCompiled };
  const plan = { ...others, minutes, microBatches: own * passes, ...shared };
  const { steps, secondsPerStep } = await planSteps(trained, drawBatch, plan, ranks.groups?.world);
  balancer.reset();
  monitor.reset();
  const speed = `${count(unitsPerStep / secondsPerStep)} ${program.samples.unit}/s`;
  say(ranks.terminal, `plan: ${count(steps)} steps in about ${duration(minutes * 60)}, measured at ${speed}`);
  return { ...others, steps };
}

function scheduleOf({ lr, minLr = lr / 10, warmup, steps }: PlannedRun['settings']): (step: number) => number {
  const warmupSteps = warmup ?? Math.min(100, Math.floor(steps / 20));
  try {
    return cosineSchedule({ peak: lr, minimum: minLr, warmupSteps, totalSteps: steps });
  } catch (error) {
    throw new UserError(`The learning rate can't be scheduled: ${(error as Error).message}`, {
      exitCode: 2,
      cause: error,
    });
  }
}
