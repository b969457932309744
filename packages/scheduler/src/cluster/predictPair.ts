import { uncut } from '../axes/chunkAxes.js';
import type { DirectionChoice, OverlapChoice } from '../choose/OverlapChoice.js';
import { planOverlap } from '../choose/planOverlap.js';
import { sumCosts } from '../costs/OperatorCosts.js';
import { stageGraph } from '../graph/stageGraphs.js';
import { communicationShare, hiddenFraction } from '../metrics/overlapMetrics.js';
import type { Contender } from './Contender.js';
import { expectPlan } from './expectPlan.js';
import type { Machine } from './Machine.js';
import { pairCosts } from './pairCosts.js';
import { partContext } from './partContext.js';
import type { RunKind } from './RunKind.js';

/** What a pair of blocks is predicted to take. */
export interface PairPrediction {
  readonly stepMs: number;
  readonly communicationMs: number;
  readonly exposedMs: number;
  /** 1 - exposed / exposed when the same stage runs sequentially. */
  readonly hiddenFraction: number;
  /** The overlap slot of the forward pass. */
  readonly slot: number;
  readonly chunks: number;
  readonly expertChunks: number;
  readonly halves: number;
}

/** Which pair, on which machine, under which plan. */
export interface PredictPairOptions {
  /** The largest number of chunks of the tokens that a plan may use. Default 4. */
  readonly maxChunks?: number;
  /** Whether a plan may cut the experts of a rank. Default true. */
  readonly cutsExperts?: boolean;
  /** Whether a plan may run on two halves of the batch: 2, or 1, the default, which forbids it. */
  readonly maxHalves?: number;
  /** Whether the gate has to see both halves at once, as with a capacity. Default false. */
  readonly jointGate?: boolean;
  readonly numTokens?: number;
  /** Take this plan in both directions (mirrored in the backward pass) instead of the best. */
  readonly plan?: {
    readonly slot: number;
    readonly chunks: number;
    readonly expertChunks?: number;
    readonly halves?: number;
  };
}

/**
 * Time of a block pair in a training step (forward, backward, update) or at inference (forward). Each direction has the
 * plan that suits it best.
 */
export function predictPair(
  machine: Machine,
  contender: Contender,
  kind: RunKind,
  { plan, cutsExperts = true, ...options }: PredictPairOptions = {},
): PairPrediction {
  const { stage, topK } = contender;
  const graph = stageGraph(stage);
  const { expertsPerRank = 1 } = machine;
  if (plan) expectPlan(stage, { ...uncut, ...plan }, { expertsPerRank: cutsExperts ? expertsPerRank : 1, ...options });
  const costs = pairCosts(machine, contender, kind);
  const { forward, backward } = planOverlap(graph, costs, {
    ...options,
    ...(plan && { maxChunks: plan.chunks, maxHalves: plan.halves ?? 1 }),
    ...partContext(machine, contender, kind),
    expertsPerRank: cutsExperts ? machine.expertsPerRank : 1,
    expertShares: cutsExperts ? machine.expertShares : undefined,
    interference: machine.interference,
  });
  const passes = [{ choice: pick(forward, contender, plan), costs: costs.forward }];
  if (costs.backward) passes.push({ choice: pick(backward!, contender, plan), costs: costs.backward });
  const sum = (value: (pass: (typeof passes)[number]) => number) =>
    passes.reduce((total, pass) => total + value(pass), 0);
  // Sequential plans expose all that travels.
  const communicationMs = sum(({ costs }) => sumCosts(graph, costs).communicationMs);
  const exposedMs = sum(({ choice }) => choice.exposedMs);
  const { slot, chunks, expertChunks, halves } = passes[0]!.choice;
  return {
    stepMs: sum(({ choice }) => choice.predictedMs) + (kind === 'train' ? machine.updateMs(stage, topK) : 0),
    communicationMs,
    exposedMs,
    hiddenFraction: hiddenFraction({ overlappedMs: exposedMs, sequentialMs: communicationMs }),
    slot,
    chunks,
    expertChunks,
    halves,
  };
}

/** The plan that the contender runs, out of those that were compared. */
function pick(best: DirectionChoice, { mode }: Contender, plan: PredictPairOptions['plan']): OverlapChoice {
  const sequential = best.candidates.find(({ kind }) => kind === 'sequential')!;
  if (mode === 'sequential') return sequential;
  if (!plan) return best;
  const { slot, chunks, expertChunks = 1, halves = 1 } = plan;
  const found = best.candidates.find(
    (candidate) =>
      candidate.kind !== 'sequential' &&
      candidate.slot === slot &&
      candidate.chunks === chunks &&
      candidate.expertChunks === expertChunks &&
      candidate.halves === halves,
  );
  // Where there is nothing beside the exchanges, one part is the sequential plan.
  return found ?? sequential;
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
