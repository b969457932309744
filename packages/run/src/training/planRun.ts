import { UserError } from '@scmoe/errors';
import { cosineSchedule } from '@scmoe/tensor';
import type { TrainingClock } from '@scmoe/trainer';

import type { RunSettings } from '../options/Settings.js';
import { defaultMinutes } from '../options/trainingOptions.js';
import type { Start } from './openStart.js';

/** A run whose length is decided: in steps, or in training time. */
export interface PlannedRun {
  settings: RunSettings & { accumulate: number };
  /** The time that the run has, where it has no number of steps. */
  clock: Required<TrainingClock> | undefined;
  learningRate: (step: number, elapsedSeconds: number) => number;
}

/** Decides how long the run is, and how its learning rate goes. */
export function planRun({ settings }: Start): PlannedRun {
  const { steps, minutes = defaultMinutes, elapsedSeconds = 0 } = settings;
  try {
    if (steps !== undefined) return { settings, clock: undefined, learningRate: rateBySteps({ ...settings, steps }) };
    const clock = { totalSeconds: minutes * 60, startSeconds: elapsedSeconds };
    return { settings: { ...settings, minutes }, clock, learningRate: rateByTime(settings, clock) };
  } catch (error) {
    throw new UserError(`The learning rate can't be scheduled: ${(error as Error).message}`, {
      exitCode: 2,
      cause: error,
    });
  }
}

function rateBySteps({
  lr,
  minLr = lr / 10,
  warmup,
  steps,
}: RunSettings & { steps: number }): (step: number) => number {
  const warmupSteps = warmup ?? Math.min(100, Math.floor(steps / 20));
  return cosineSchedule({ peak: lr, minimum: minLr, warmupSteps, totalSteps: steps });
}

/** The same curve over the time; a warm-up of a set number of updates comes on top of it. */
function rateByTime(
  { lr, minLr = lr / 10, warmup }: RunSettings,
  { totalSeconds }: TrainingClock,
): PlannedRun['learningRate'] {
  const totalMs = Math.max(1, Math.round(totalSeconds * 1000));
  const warmupMs = warmup === undefined ? Math.floor(totalMs / 20) : 0;
  const at = cosineSchedule({ peak: lr, minimum: minLr, warmupSteps: warmupMs, totalSteps: totalMs });
  return (step, elapsedSeconds) => at(elapsedSeconds * 1000) * Math.min(1, (step + 1) / ((warmup ?? 0) + 1));
}
