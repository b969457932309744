import type { ChunkOverhead } from '../axes/ChunkAxis.js';
import { ofBackward } from '../axes/passOverheads.js';
import type { Machine, StageGradients } from '../cluster/Machine.js';
import { pairCosts } from '../cluster/pairCosts.js';
import { partContext } from '../cluster/partContext.js';
import type { RunKind } from '../cluster/RunKind.js';
import { chunkCosts } from '../costs/chunkCosts.js';
import type { OperatorCosts } from '../costs/OperatorCosts.js';
import { unchunkedName } from '../graph/chunkNames.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { stageGraph, type StageKind } from '../graph/stageGraphs.js';
import { computesOnce, describeWay, type RecomputeWay } from '../memory/RecomputeWay.js';
import type { RankMemory } from '../memory/RankMemory.js';
import type { MomentFormat } from '../memory/MomentFormat.js';
import { hiddenFraction } from '../metrics/overlapMetrics.js';
import { mirrorPlan } from '../plan/mirrorPlan.js';
import { fillGaps, type GapFilling } from '../predict/fillGaps.js';
import { networkGaps } from '../predict/networkGaps.js';
import { simulatePlan, type Span } from '../predict/simulatePlan.js';
import { steadyPlan } from '../predict/steadyPlan.js';
import type { OverlapChoice } from './OverlapChoice.js';
import { planOverlap, type PlanOverlapOptions } from './planOverlap.js';
import { nameOfChoice, nameOfStep, stepPlans } from './stepPlans.js';

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
  /** Training has one slot for forward and backward pass, and may have other parts backward. */
  readonly kind: RunKind;
  /** What of a training step may be computed twice, where the machine knows what that costs. Default: nothing. */
  readonly ways?: readonly RecomputeWay[];
  /** The format of the optimizer's moments. Default: `float32`. */
  readonly moments?: MomentFormat;
}

/** A combination of all axes, and what it is predicted to take. */
export interface RankedPlan {
  readonly stage: StageKind;
  readonly choice: OverlapChoice;
  /** What is computed twice. */
  readonly way: RecomputeWay;
  /** `sequential`, or slot and parts; and what is computed twice. */
  readonly name: string;
  /** What a rank needs of memory for a model of such stages; absent where the machine does not know. */
  readonly memory: RankMemory | undefined;
  /** Time of a stage in a step: forward, or forward, backward and update. */
  readonly stepMs: number;
  readonly exposedMs: number;
  /** 1 - exposed / exposed of the same stage run sequentially. */
  readonly hiddenFraction: number;
  /** How the averaging of gradients travels beside the backward pass; absent where the machine does not know of it. */
  readonly gradients: GapFilling | undefined;
  /** The parts of the backward pass, where they are not those of the forward pass. */
  readonly backward: OverlapChoice | undefined;
  /** Computations beside the exchanges in the forward pass, by which these are hidden. */
  readonly besideDispatch: readonly string[];
  readonly besideCombine: readonly string[];
}

/**
 * Every combination of stage, slot, parts along every axis and what is computed twice, the quickest first; as `planOverlap` where
 * two are equal, and as `ways` are ordered.
 */
export function rankPlans({ machine, stages, topK, kind, ways, ...limits }: RankPlansOptions): readonly RankedPlan[] {
  const isChoice = kind === 'train' && machine.recomputation !== undefined;
  const possible = (isChoice && ways) || [computesOnce];
  const ranked = stages.flatMap((stage) =>
    possible.flatMap((way) => rankStage(stage, way, { machine, topK, kind, ...limits })),
  );
  // A stable sort: of equal plans of a stage the preferred one comes first.
  return ranked.sort((a, b) => a.stepMs - b.stepMs);
}

/** A backward pass has parts of its own where these make it shorter by this share. */
const leastOwnGain = 0.005;

function rankStage(
  stage: StageKind,
  way: RecomputeWay,
  { machine, topK, kind, moments, ...limits }: Omit<RankPlansOptions, 'stages' | 'ways'>,
): RankedPlan[] {
  const graph = stageGraph(stage);
  const { interference, recomputation, hasOwnBackward = true, hasHalves = true } = machine;
  const context = {
    ...limits,
    ...(!hasHalves && { maxHalves: 1 }),
    ...partContext(machine, { stage, topK }, kind),
    expertsPerRank: machine.expertsPerRank,
    expertShares: machine.expertShares,
  };
  const known = pairCosts(machine, { stage, topK }, kind);
  const { forward: costs, backward: gradients } = known;
  const again = way.recompute === 'off' ? undefined : recomputation!.costs(stage, topK, way);
  // The inside of an operator runs again where its gradient is computed, a stage as a whole before its gradients.
  const backwardCosts = gradients && (way.recompute === 'selective' ? sumOf(gradients, again!) : gradients);
  // Nobody has measured what is computed twice on a half.
  const inHalves = way.recompute === 'selective' ? undefined : known.inHalves;
  const both = { forward: costs, ...(inHalves && { inHalves }) };
  const steps: readonly { forward: OverlapChoice; backward?: OverlapChoice; isApart: boolean }[] = backwardCosts
    ? stepPlans(
        graph,
        { ...both, backward: backwardCosts },
        { ...context, interference, ...(hasOwnBackward && { ownBackward: {} }) },
      )
    : planOverlap(graph, both, { ...context, interference }).forward.candidates.map((forward) => ({
        forward,
        isApart: false,
      }));
  const secondOf = byName(
    way.recompute === 'block' ? secondPasses(graph, again!, { ...context, interference, way }) : undefined,
  );
  const memory = recomputation?.memory(stage, { topK, kind, way, ...(moments && { moments }) });
  const isWorthIt = ({ backward, isApart, forward }: (typeof steps)[number]) =>
    !isApart ||
    backward!.predictedMs < steps.find((step) => step.forward === forward)!.backward!.predictedMs * (1 - leastOwnGain);
  const rows = steps.filter(isWorthIt).map(({ forward: choice, backward: back, isApart }): RankedPlan => {
    const second = secondOf.get(nameOfChoice(choice));
    const { spans } = simulatePlan(
      steadyPlan(graph, choice.plan),
      chunkCosts(graph, costs, { ...context, ...choice, inHalves: inHalves?.forward }),
      { interference },
    );
    const gapsOf = (costsOfBackward: OperatorCosts) =>
      networkGaps(
        isApart ? back!.plan : mirrorPlan(steadyPlan(graph, choice.plan)),
        chunkCosts(graph, costsOfBackward, { ...ofBackward(context), ...back!, inHalves: inHalves?.backward }),
        { interference },
      );
    const placed = ({ stages, bytes, call }: StageGradients, costsOfBackward: OperatorCosts) => {
      const gaps = gapsOf(costsOfBackward);
      return fillGaps(
        Array.from({ length: stages }, () => gaps),
        { bytes: new Array<number>(stages).fill(bytes), call },
      );
    };
    const total = (value: (pass: OverlapChoice) => number) =>
      [choice, back, second].reduce((sum, pass) => sum + (pass ? value(pass) : 0), 0);
    const stepMs = total(({ predictedMs }) => predictedMs) + (kind === 'train' ? machine.updateMs(stage, topK) : 0);
    return {
      stage,
      choice,
      way,
      name: [
        isApart ? nameOfStep({ forward: choice, backward: back!, isApart }) : nameOfChoice(choice, { order: true }),
      ]
        .concat(describeWay(way) || [])
        .join(', '),
      memory,
      stepMs,
      gradients: backwardCosts && machine.gradients && placed(machine.gradients(stage), backwardCosts),
      backward: isApart ? back : undefined,
      exposedMs: total(({ exposedMs }) => exposedMs),
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

/** The passes by which whole stages run again, under the plan of the first. */
function secondPasses(
  graph: OperatorGraph,
  again: OperatorCosts,
  { way, ...context }: PlanOverlapOptions & { way: RecomputeWay },
): readonly OverlapChoice[] {
  const silent = (overhead: ChunkOverhead | undefined) => overhead && { ...overhead, communicationMs: 0 };
  const options = way.keepsExchanges
    ? {
        ...context,
        overhead: silent(context.overhead),
        expertOverhead: silent(context.expertOverhead),
      }
    : context;
  return planOverlap(graph, { forward: again }, options).forward.candidates;
}

function byName(choices: readonly OverlapChoice[] = []): ReadonlyMap<string, OverlapChoice> {
  return new Map(choices.map((choice) => [nameOfChoice(choice), choice]));
}

function sumOf(one: OperatorCosts, other: OperatorCosts): OperatorCosts {
  return Object.fromEntries(Object.entries(one).map(([name, ms]) => [name, ms + other[name]!]));
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
