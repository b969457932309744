import type { DirectionChoice } from '../choose/OverlapChoice.js';
import { planOverlap } from '../choose/planOverlap.js';
import { sumCosts } from '../costs/OperatorCosts.js';
import { layerGraph } from '../graph/layerGraphs.js';
import { communicationShare, hiddenFraction } from '../metrics/overlapMetrics.js';
import type { Contender } from './Contender.js';
import type { Machine } from './Machine.js';

export type RunKind = 'train' | 'infer';

export interface PairPrediction {
  readonly stepMs: number;
  readonly communicationMs: number;
  readonly exposedMs: number;
  /** 1 - exposed / exposed when the same layer runs sequentially. */
  readonly hiddenFraction: number;
  /** Of the forward pass. */
  readonly slot: number;
  readonly chunks: number;
}

export interface PredictPairOptions {
  /** The largest number of chunks that a plan may use. Default 4. */
  readonly maxChunks?: number;
  readonly numTokens?: number;
}

/**
 * Time of a block pair in a training step (forward, backward, update) or at inference (forward). Each direction has the
 * plan that suits it best.
 */
export function predictPair(
  machine: Machine,
  { layer, topK, mode }: Contender,
  kind: RunKind,
  options: PredictPairOptions = {},
): PairPrediction {
  const graph = layerGraph(layer);
  const forwardCosts = machine.costs(layer, topK, 'forward');
  const backwardCosts = machine.costs(layer, topK, 'backward');
  const { forward, backward } = planOverlap(
    graph,
    { forward: forwardCosts, backward: backwardCosts },
    { ...options, overhead: machine.chunkOverhead, interference: machine.interference },
  );
  const passes =
    kind === 'train'
      ? [
          { choice: forward, costs: forwardCosts },
          { choice: backward!, costs: backwardCosts },
        ]
      : [{ choice: forward, costs: forwardCosts }];
  const sum = (value: (pass: (typeof passes)[number]) => number) =>
    passes.reduce((total, pass) => total + value(pass), 0);
  const sequential = mode === 'sequential';
  // Sequential plans expose all that travels.
  const communicationMs = sum(({ costs }) => sumCosts(graph, costs).communicationMs);
  const exposedMs = sequential ? communicationMs : sum(({ choice }) => choice.exposedMs);
  const timeOf = (choice: DirectionChoice) => (sequential ? choice.sequentialMs : choice.predictedMs);
  return {
    stepMs: sum(({ choice }) => timeOf(choice)) + (kind === 'train' ? machine.updateMs : 0),
    communicationMs,
    exposedMs,
    hiddenFraction: hiddenFraction({ overlappedMs: exposedMs, sequentialMs: communicationMs }),
    slot: sequential ? 0 : forward.slot,
    chunks: sequential ? 1 : forward.chunks,
  };
}

/** Communication share of the standard top-2 layer on this machine, forward. */
export function machineShare(machine: Machine): number {
  const costs = machine.costs('standard', 2, 'forward');
  const sum = (...names: string[]) => names.reduce((total, name) => total + costs[name]!, 0);
  return communicationShare({
    allToAllMs: sum('dispatch', 'combine'),
    moeComputeMs: sum('gate', 'encode', 'expert', 'decode'),
  });
}
