import {
  stageGraph,
  predictPair,
  type ComparisonRow,
  type Contender,
  type StageKind,
  type Machine,
} from '@scmoe/scheduler';

import type { SimulateOptions } from './SimulateOptions.js';

/** The row of a plan that the command line describes. */
export function planRow(
  machine: Machine,
  top2: ComparisonRow,
  pairs: number,
  { stage, topK, slot, chunks, expertChunks, halves, mode }: SimulateOptions,
): ComparisonRow {
  const kind = stage as StageKind;
  // Says which stages there are where this is none.
  stageGraph(kind);
  const contender: Contender = { name: `${stage}, top-${topK}, your plan`, stage: kind, topK, mode: 'overlapped' };
  const choice =
    slot === undefined
      ? { maxChunks: chunks, cutsExperts: chunks > 1, maxHalves: halves }
      : { plan: { slot, chunks, expertChunks, halves } };
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
