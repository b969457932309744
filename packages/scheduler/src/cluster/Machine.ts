import type { ChunkOverhead } from '../costs/chunkCosts.js';
import type { OperatorCosts } from '../costs/OperatorCosts.js';
import type { StageKind } from '../graph/stageGraphs.js';

/** The pass that is predicted. */
export type Direction = 'forward' | 'backward';

/** Whatever says how long the operators of a block pair take. */
export interface Machine {
  /** Times of the operators of a stage that sends each token to `topK` experts, in ms. */
  costs(stage: StageKind, topK: number, direction: Direction): OperatorCosts;
  readonly chunkOverhead: ChunkOverhead;
  /** How much slower computing is beside an exchange, as for `simulatePlan`. */
  readonly interference: number;
  /** What a training step takes for each pair besides forward and backward: optimizer, averaging of gradients. */
  updateMs(stage: StageKind, topK: number): number;
}
