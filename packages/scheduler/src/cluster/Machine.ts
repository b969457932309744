import type { ChunkOverhead } from '../costs/chunkCosts.js';
import type { OperatorCosts } from '../costs/OperatorCosts.js';
import type { LayerKind } from '../graph/layerGraphs.js';

/** The pass that is predicted. */
export type Direction = 'forward' | 'backward';

/** Whatever says how long the operators of a block pair take. */
export interface Machine {
  /** Times of the operators of a layer that sends each token to `topK` experts, in ms. */
  costs(layer: LayerKind, topK: number, direction: Direction): OperatorCosts;
  readonly chunkOverhead: ChunkOverhead;
  /** How much slower computing is beside an exchange, as for `simulatePlan`. */
  readonly interference: number;
  /** What a training step takes for each pair besides forward and backward: optimizer, averaging of gradients. */
  updateMs(layer: LayerKind, topK: number): number;
}
