import {
  stageGraph,
  pairCosts,
  partContext,
  planOverlap,
  predictPair,
  type MeasuredCosts,
  type PairCosts,
  measuredMachine,
  uncut,
  type PlanChoice,
} from '@scmoe/scheduler';

import { benchLayers, type LayerName } from './layers.js';
import type { Mode } from './OverlapShape.js';
import type { Row } from './rows.js';

/** Chunks that tokens may be cut into. */
const maxChunks = 4;

/** The plans of a row that are tried to find the best: all of one part, some of slot 0; of both together only the chosen. */
export function candidatesOf({ layer, schedule }: Row, { expertsPerRank = 1 }: MeasuredCosts): PlanChoice[] {
  if (schedule === 'sequential') return [null];
  if (schedule === 'chunked') return [];
  if (schedule === 'pipelined')
    return pipelinedCuts
      .filter(({ expertChunks }) => expertsPerRank % expertChunks === 0)
      .map((cut) => ({ slot: 0, ...uncut, ...cut }));
  const { numSlots } = stageGraph(benchLayers[layer].graph);
  const halves = schedule === 'split' ? 2 : 1;
  return Array.from({ length: numSlots }, (_, slot) => ({ slot, ...uncut, halves }));
}

const pipelinedCuts = [
  ...Array.from({ length: maxChunks - 1 }, (_, i) => ({ chunks: i + 2, expertChunks: 1 })),
  { chunks: 1, expertChunks: 2 },
  { chunks: 2, expertChunks: 2 },
];

/** The plan that the scheduler chooses for a row by measured times: forward alone, or for both passes together. */
export function chosenPlan({ layer, schedule }: Row, costs: MeasuredCosts, mode: Mode): PlanChoice {
  if (schedule === 'sequential') return null;
  const { graph, topK } = benchLayers[layer];
  const { forward: alone, mirrored } = planOverlap(stageGraph(graph), timesOf(layer, costs, mode), {
    // Halves in four chunks are eight messages each way.
    maxChunks: schedule === 'overlapped' ? 1 : schedule === 'split' ? 2 : maxChunks,
    expertsPerRank: schedule === 'overlapped' ? 1 : costs.expertsPerRank,
    // A capacity is counted over both halves.
    ...(schedule === 'split' && { fixed: { halves: 2 }, jointGate: true }),
    numTokens: costs.tokensPerRank,
    ...partContext(measuredMachine(costs), { stage: graph, topK }, mode),
  });
  const best = mode === 'infer' ? alone : mirrored;
  // Where nothing is gained, the choice is the sequential plan.
  if (best.kind === 'sequential') return null;
  return { slot: best.slot, chunks: best.chunks, expertChunks: best.expertChunks, halves: best.halves };
}

/** Step time of a row under a plan in ms, by the simulator. */
export function predictedMs({ name, layer }: Row, plan: PlanChoice, costs: MeasuredCosts, mode: Mode): number {
  const { graph, topK } = benchLayers[layer];
  const contender = { name, stage: graph, topK, mode: plan ? 'overlapped' : 'sequential' } as const;
  const { stepMs } = predictPair(measuredMachine(costs), contender, mode, {
    numTokens: costs.tokensPerRank,
    ...(plan && { plan }),
    jointGate: true,
  });
  return stepMs * costs.pairs;
}

/** Time of a layer's exchanges in a step, in ms. */
export function communicationMs(layer: LayerName, costs: MeasuredCosts, mode: Mode): number {
  const { forward, backward } = timesOf(layer, costs, mode);
  const passes = backward ? [forward, backward] : [forward];
  return costs.pairs * passes.reduce((sum, times) => sum + times['dispatch']! + times['combine']!, 0);
}

function timesOf(layer: LayerName, costs: MeasuredCosts, mode: Mode): PairCosts {
  const { graph: stage, topK } = benchLayers[layer];
  return pairCosts(measuredMachine(costs), { stage, topK }, mode);
}
