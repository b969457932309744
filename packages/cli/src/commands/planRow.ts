import {
  layerGraph,
  predictPair,
  type ComparisonRow,
  type Contender,
  type LayerKind,
  type Machine,
} from '@scmoe/scheduler';

import type { SimulateOptions } from './SimulateOptions.js';

/** The row of a plan that the command line describes. */
export function planRow(
  machine: Machine,
  top2: ComparisonRow,
  pairs: number,
  { layer, topK, slot, chunks, mode }: SimulateOptions,
): ComparisonRow {
  const kind = layer as LayerKind;
  // Says which layers there are where this is none.
  layerGraph(kind);
  const contender: Contender = { name: `${layer}, top-${topK}, your plan`, layer: kind, topK, mode: 'overlapped' };
  const choice = slot === undefined ? { maxChunks: chunks } : { plan: { slot, chunks } };
  const { stepMs, communicationMs, exposedMs, ...rest } = predictPair(machine, contender, mode, choice);
  return {
    contender,
    ...rest,
    stepMs: stepMs * pairs,
    communicationMs: communicationMs * pairs,
    exposedMs: exposedMs * pairs,
    speedup: top2.stepMs / (stepMs * pairs),
  };
}
