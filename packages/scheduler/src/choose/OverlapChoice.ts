import type { ChunkCut } from '../axes/chunkAxes.js';
import type { Plan } from '../plan/Plan.js';

/** What a plan does with its exchanges. */
export type PlanKind = 'sequential' | 'overlapped' | 'chunked' | 'pipelined';

/** A plan and what it is predicted to take. */
export interface OverlapChoice extends ChunkCut {
  /**
   * What the plan does. `overlapped`: in one part; `chunked`: in several, beside a window; `pipelined`: in several, where
   * there is no window.
   */
  readonly kind: PlanKind;
  /** Operators of the window before the expert, counted in the order of the forward pass for both directions. */
  readonly slot: number;
  /** The order of unequal parts; absent where they go as they are numbered. */
  readonly order?: readonly number[] | undefined;
  /** The plan itself; for a backward pass its steps name the operators whose gradients they compute. */
  readonly plan: Plan;
  readonly predictedMs: number;
  /** What of it would be gone if the exchanges took no time. */
  readonly exposedMs: number;
}

/** The choice for one direction, with what it was chosen from. */
export interface DirectionChoice extends OverlapChoice {
  /** The second best; absent where there was one plan only. */
  readonly runnerUp: OverlapChoice | undefined;
  readonly sequentialMs: number;
  /** What no schedule of the stage in one part beats: all computations, or all exchanges. Halves may have less to send. */
  readonly boundMs: number;
  /** 1 - exposed time / that of the sequential plan. */
  readonly hiddenFraction: number;
  /** Every plan that was compared, best first. */
  readonly candidates: readonly OverlapChoice[];
}
