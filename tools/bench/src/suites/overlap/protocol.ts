import type { ChunkCut, OperatorCosts, PlanChoice, Span } from '@scmoe/scheduler';

import type { LayerName } from './layers.js';
import type { Computation, Level, Mode } from './OverlapShape.js';

/** A line of JSON to every rank. */
export type Question =
  | {
      ask: 'time';
      level: Level;
      layer: LayerName;
      mode: Mode;
      plan: PlanChoice;
      /** Whether tokens travel. Without, the same computations run on what would have been sent. */
      exchange: boolean;
      /** Default: as the rank was started. */
      computation?: Computation;
    }
  | {
      ask: 'profile';
      level: Level;
      layer: LayerName;
      mode: Mode;
      steps: number;
      /** The parts, in slot 0; of one: sequentially. */
      cut: ChunkCut;
    }
  | { ask: 'trace'; level: Level; layer: LayerName; mode: Mode; plan: PlanChoice }
  | { ask: 'forget'; level: Level; layer: LayerName };

/** Answer to `time`: of one step. */
export interface TimeAnswer {
  seconds: number;
}

/** Answer to `profile`: medians over steps, of all ranks. */
export interface ProfileAnswer {
  /** Times of each layer, forward and backward; of inference the latter are zero. */
  layers: { forward: OperatorCosts; backward: OperatorCosts }[];
  /** What a step takes besides its layers: embedding, loss and the like, and the optimizer. */
  outsideMs: number;
}

/** Answer to `trace`: what one rank did in one step, in milliseconds since 1970. */
export interface TraceAnswer {
  spans: Span[];
}
