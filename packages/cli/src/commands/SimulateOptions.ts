import type { RunKind } from '@scmoe/scheduler';

import type { MachineOptions } from './machineCases.js';

/** The options of `scmoe simulate` as commander reads them. */
export interface SimulateOptions extends MachineOptions {
  readonly mode: RunKind;
  readonly maxChunks: number;
  readonly stage?: string;
  readonly topK: number;
  readonly slot?: number;
  readonly chunks: number;
  readonly expertChunks: number;
  readonly halves: number;
  readonly json?: boolean;
  readonly timeline?: string;
}
