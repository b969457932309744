import type { Step } from '@scmoe/scheduler';

/** The pass in which a step runs; `recompute` where a backward pass computes it once more. */
export type Phase = 'forward' | 'recompute' | 'backward';

/**
 * Hears when the steps of a plan begin and end, in the order in which they do. The backward pass of a plan is its mirror:
 * the gradient of waiting for an exchange starts the exchange back, that of starting it waits, and so it is named.
 *
 * A step of the backward pass begins with the first gradient that reaches it and may end several times, with each
 * gradient that leaves it; the last one counts. One through which no gradient flows is not heard of.
 */
export interface PlanObserver {
  /** A step begins. */
  begin(step: Step, phase: Phase): void;
  /** A step ends, or seems to. */
  end(step: Step, phase: Phase): void;
}
