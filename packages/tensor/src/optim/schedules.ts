import { expectBetween, expectOneOf, expectPositive, expectThat, expectWholeNumber } from '@scmoe/errors';

/** Learning rate as a function of the step, which counts from 0. */
export type Schedule = (step: number) => number;

/** Options of every schedule. */
export interface WarmupOptions {
  /** The highest learning rate, reached when the warm-up ends. */
  peak: number;
  /** Steps of linear warm-up; 0 for none. */
  warmupSteps?: number;
  /**
   * How the rate rises. `fromFirst`: peak * (step + 1) / (warmupSteps + 1), so that step 0 learns; `fromZero`: peak *
   * step / warmupSteps.
   */
  warmup?: 'fromFirst' | 'fromZero';
}

/** Options of the schedules that decay. */
export interface DecayOptions extends WarmupOptions {
  /** Steps of the whole run, warm-up included; the minimum holds from there on. */
  totalSteps: number;
  /** Where the decay ends. */
  minimum?: number;
}

/** Warm-up, then half a cosine from the peak to the minimum (SGDR without restarts, Loshchilov and Hutter 2017). */
export function cosineSchedule(options: DecayOptions): Schedule {
  return decaying(options, (progress) => (1 + Math.cos(Math.PI * progress)) / 2);
}

/** Warm-up, then a straight line from the peak to the minimum. */
export function linearSchedule(options: DecayOptions): Schedule {
  return decaying(options, (progress) => 1 - progress);
}

/** Warm-up, then the peak for ever. */
export function constantSchedule(options: WarmupOptions): Schedule {
  return warmingUp(options, () => options.peak);
}

/**
 * A schedule that decays.
 *
 * @param remaining what is left of the way from minimum to peak, 1 to 0, after a progress of 0 to 1.
 */
function decaying(options: DecayOptions, remaining: (progress: number) => number): Schedule {
  const { peak, minimum = 0, warmupSteps = 0, totalSteps } = options;
  const schedule = warmingUp(options, (step) => {
    const progress = Math.min(1, (step - warmupSteps) / (totalSteps - warmupSteps));
    return minimum + (peak - minimum) * remaining(progress);
  });
  expectBetween('minimum', minimum, 0, peak);
  const fits = Number.isInteger(totalSteps) && totalSteps > warmupSteps;
  expectThat(fits, 'totalSteps', `a whole number above the ${warmupSteps} steps of the warm-up`, totalSteps);
  return schedule;
}

function warmingUp({ peak, warmupSteps = 0, warmup = 'fromFirst' }: WarmupOptions, after: Schedule): Schedule {
  expectPositive('peak', peak);
  expectWholeNumber('warmupSteps', warmupSteps);
  expectOneOf('warmup', warmup, ['fromFirst', 'fromZero']);
  return (step) => {
    if (step >= warmupSteps) return after(step);
    return warmup === 'fromFirst' ? (peak * (step + 1)) / (warmupSteps + 1) : (peak * step) / warmupSteps;
  };
}
