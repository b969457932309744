import type { BackwardCut } from '@scmoe/scheduler';

import type { StageTimes } from './stageTimes.js';

/** What a stage follows in training, and what the last measurement of that found: medians. */
export interface StageReport extends Partial<StageTimes> {
  stage: number;
  /** The overlap slot; null: sequential. */
  slot: number | null;
  chunks: number;
  expertChunks: number;
  /** The parts of the backward pass, where they are others. */
  backward?: BackwardCut;
  /** The order in which unequal chunks go; absent where they go as they are numbered. */
  order?: readonly number[];
  /** 2 where it runs on halves of the batch, or of every sequence. */
  halves: number;
  /** What the simulator says of the times that the plan was chosen by; absent where it was given. */
  predictedMs?: number;
  sequentialMs?: number;
  /** How much longer steps took than was predicted, as a share of that; absent where either is unknown. */
  predictionError?: number;
}
