import type { Routing } from '@scmoe/gating';
import type { Plan } from '@scmoe/scheduler';

import type { Operator } from '../plan/Operator.js';
import type { PlanObserver } from '../plan/PlanObserver.js';
import type { SplitMode } from '../split/SplitAxis.js';

/** How a stage runs one pass: options of runPair, runBlock and their like. */
export interface StageExecution {
  /** Orders the stage's operators. */
  plan: <Values>(operators: readonly Operator<Values>[]) => Plan;
  chunks: number;
  /** Parts of each rank's experts; 1 where there is none. */
  expertChunks?: number;
  /** The same of the backward pass, where they are others, and the order in which they would go forward. */
  backwardChunks?: number;
  backwardExpertChunks?: number;
  backwardOrder?: readonly number[];
  /** Runs on two halves; absent: on the whole. */
  split?: SplitMode;
  observer?: PlanObserver;
  /** Hears where the tokens go. */
  onRouting?: (routing: Routing) => void;
}
