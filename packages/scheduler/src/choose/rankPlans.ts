import { describeCut } from '../axes/chunkAxes.js';
import type { Machine } from '../cluster/Machine.js';
import { pairCosts, type RunKind } from '../cluster/pairCosts.js';
import { chunkCosts } from '../costs/chunkCosts.js';
import { unchunkedName } from '../graph/chunkNames.js';
import { stageGraph, type StageKind } from '../graph/stageGraphs.js';
import { hiddenFraction } from '../metrics/overlapMetrics.js';
import { simulatePlan, type Span } from '../predict/simulatePlan.js';
import { steadyPlan } from '../predict/steadyPlan.js';
import type { OverlapChoice } from './OverlapChoice.js';
import { planOverlap, type PlanOverlapOptions } from './planOverlap.js';

/** What is ranked, and where it runs. */
export interface RankPlansOptions extends Pick<
  PlanOverlapOptions,
  'maxChunks' | 'maxHalves' | 'jointGate' | 'numTokens'
> {
  readonly machine: Machine;
  /** The kinds of stages that are compared: one, where the model is given. */
  readonly stages: readonly StageKind[];
  /** Routed experts of a token. */
  readonly topK: number;
  /** Training has one plan for forward and backward pass, for a tape runs the exact mirror. */
  readonly kind: RunKind;
}

/** A combination of all axes, and what it is predicted to take. */
export interface RankedPlan {
  readonly stage: StageKind;
  readonly choice: OverlapChoice;
  /** `sequential`, or slot and parts. */
  readonly name: string;
  /** Time of a stage in a step: forward, or forward, backward and update. */
  readonly stepMs: number;
  readonly exposedMs: number;
  /** 1 - exposed / exposed of the same stage run sequentially. */
  readonly hiddenFraction: number;
  /** Computations beside the exchanges in the forward pass, by which these are hidden. */
  readonly besideDispatch: readonly string[];
  readonly besideCombine: readonly string[];
}

/** Every combination of stage, slot and parts along every axis, the quickest first; as `planOverlap` where two are equal. */
export function rankPlans({ machine, stages, topK, kind, ...limits }: RankPlansOptions): readonly RankedPlan[] {
  const ranked = stages.flatMap((stage) => rankStage(stage, { machine, topK, kind, ...limits }));
  // A stable sort: of equal plans of a stage the preferred one comes first.
  return ranked.sort((a, b) => a.stepMs - b.stepMs);
}

function rankStage(
  stage: StageKind,
  { machine, topK, kind, ...limits }: Omit<RankPlansOptions, 'stages'>,
): RankedPlan[] {
  const graph = stageGraph(stage);
  const { interference } = machine;
  const context = {
    ...limits,
    overhead: machine.chunkOverhead,
    expertOverhead: machine.expertChunkOverhead,
    expertsPerRank: machine.expertsPerRank,
    expertShares: machine.expertShares,
  };
  const costs = machine.costs(stage, topK, 'forward');
  const inHalves = machine.costsInHalves?.(stage, topK, 'forward');
  const both = pairCosts(machine, { stage, topK }, kind);
  const { forward, backward } = planOverlap(graph, both, { ...context, interference });
  const backwardOf = new Map(backward?.candidates.map((choice) => [nameOf(choice), choice]));
  const rows = forward.candidates.map((choice): RankedPlan & { exposedMs: number } => {
    const back = backwardOf.get(nameOf(choice));
    const { spans } = simulatePlan(
      steadyPlan(graph, choice.plan),
      chunkCosts(graph, costs, { ...context, ...choice, inHalves }),
      { interference },
    );
    return {
      stage,
      choice,
      name: nameOf(choice),
      stepMs: choice.predictedMs + (back?.predictedMs ?? 0) + (kind === 'train' ? machine.updateMs(stage, topK) : 0),
      exposedMs: choice.exposedMs + (back?.exposedMs ?? 0),
      hiddenFraction: 0,
      besideDispatch: beside(spans, graph.routed?.dispatch),
      besideCombine: beside(spans, graph.routed?.combine),
    };
  });
  const sequentialMs = rows.find(({ choice }) => choice.kind === 'sequential')!.exposedMs;
  return rows.map((row) => ({
    ...row,
    hiddenFraction: hiddenFraction({ overlappedMs: row.exposedMs, sequentialMs }),
  }));
}

function nameOf(choice: OverlapChoice): string {
  if (choice.kind === 'sequential') return 'sequential';
  const order = choice.order && `in the order ${choice.order.join(' ')}`;
  return [`slot ${choice.slot}`, describeCut(choice), order].filter(Boolean).join(', ');
}

/** Names of the computations during which an exchange is under way, in their order. */
function beside(spans: readonly Span[], exchange: string | undefined): string[] {
  const travelling = spans.filter(({ operator }) => unchunkedName(operator) === exchange);
  const names = spans
    .filter(({ track, startMs, endMs }) => {
      const overlaps = (other: Span) => Math.min(endMs, other.endMs) - Math.max(startMs, other.startMs) > 1e-9;
      return track === 'compute' && travelling.some(overlaps);
    })
    .map(({ operator }) => unchunkedName(operator));
  return [...new Set(names)];
}
