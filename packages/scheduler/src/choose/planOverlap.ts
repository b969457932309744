import { expectPositiveInteger, expectThat, expectWholeNumber } from '@scmoe/errors';

import { numPartsOf } from '../axes/chunkAxes.js';
import { defaultOverhead, type ChunkContext } from '../axes/ChunkAxis.js';
import { chunkCosts } from '../costs/chunkCosts.js';
import { checkCosts, type OperatorCosts } from '../costs/OperatorCosts.js';
import { slowestOf } from '../costs/slowestOf.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { hiddenFraction, lowerBoundMs } from '../metrics/overlapMetrics.js';
import { expectChunks } from '../plan/expectChunks.js';
import { mirrorPlan } from '../plan/mirrorPlan.js';
import { simulatePlan } from '../predict/simulatePlan.js';
import { steadyPlan } from '../predict/steadyPlan.js';
import { candidatePlans, type Candidate } from './candidates.js';
import type { DirectionChoice, OverlapChoice } from './OverlapChoice.js';
import { slackOf } from './slackOf.js';

/** Costs of this rank, or of every rank: an exchange waits for the slowest. */
export type RankCosts = OperatorCosts | readonly OperatorCosts[];

/** Times of the operators, forward and, where there is a backward pass, backward. */
export interface PlanCosts {
  readonly forward: RankCosts;
  /** Times of the gradients, under the names of the operators. Without them no backward plan is chosen. */
  readonly backward?: RankCosts;
}

/** Which plans are compared, and what else their times depend on. */
export interface PlanOverlapOptions extends ChunkContext {
  /** How much slower computing is beside an exchange, as for `simulatePlan`. Default 0. */
  readonly interference?: number;
}

/** The best plans by predicted time, for each pass and for both together. */
export interface OverlapDecision {
  readonly forward: DirectionChoice;
  /** The best mirrored plan for the backward pass, which may differ from the forward plan in slot and parts. */
  readonly backward: DirectionChoice | undefined;
  /**
   * The best forward plan where the backward pass has to be its exact mirror, as on a tape: smallest sum of both. Equal to
   * `forward` where there are no backward costs.
   */
  readonly mirrored: OverlapChoice & { readonly backwardMs: number };
}

/**
 * Chooses the plan with the smallest predicted time over all slots and numbers of parts along every axis, for the forward and
 * the backward pass each by itself, and for both together.
 *
 * Times that differ by less than a billionth are a tie, which goes to the sequential plan, then to fewer parts, then to
 * the whole stage, then fewer chunks of the tokens, then to the slot that leaves the most slack beside the tighter exchange, then to the lower slot.
 *
 * @throws ArgumentError for costs that are missing, unknown, negative or not finite
 */
export function planOverlap(graph: OperatorGraph, costs: PlanCosts, options: PlanOverlapOptions = {}): OverlapDecision {
  const { maxChunks = 4, numTokens, expertsPerRank = 1, expertShares } = options;
  expectChunks('maxChunks', maxChunks);
  expectPositiveInteger('expertsPerRank', expertsPerRank);
  if (numTokens !== undefined) expectWholeNumber('numTokens', numTokens);
  if (expertShares)
    expectThat(
      expertShares.length === expertsPerRank,
      'expertShares',
      `${expertsPerRank} of them, as expertsPerRank says`,
      expertShares.length,
    );
  const slowest = slowestOf(ranksOf(costs.forward));
  checkCosts(graph, slowest);
  const candidates = candidatePlans(graph, options, slowest);

  const forwardTimes = predictAll(graph, candidates, costs.forward, options);
  const backwardTimes = costs.backward && predictAll(graph, candidates, costs.backward, { ...options, mirrored: true });
  const forward = chooseDirection(graph, candidates, forwardTimes, costs.forward);
  const backward =
    costs.backward &&
    backwardTimes &&
    chooseDirection(
      graph,
      candidates.map((candidate) => ({ ...candidate, plan: mirrorPlan(candidate.plan) })),
      backwardTimes,
      costs.backward,
    );
  const both = forwardTimes.map(({ stepMs }, i) => stepMs + (backwardTimes?.[i]!.stepMs ?? 0));
  const best = ranking(graph, candidates, both, costs.forward)[0]!;
  return {
    forward,
    backward,
    mirrored: {
      ...candidates[best]!,
      predictedMs: forwardTimes[best]!.stepMs,
      exposedMs: forwardTimes[best]!.exposedMs,
      backwardMs: backwardTimes?.[best]!.stepMs ?? 0,
    },
  };
}

interface Prediction {
  readonly stepMs: number;
  readonly exposedMs: number;
}

function predictAll(
  graph: OperatorGraph,
  candidates: readonly Candidate[],
  costs: RankCosts,
  {
    interference = 0,
    mirrored = false,
    overhead = defaultOverhead,
    ...context
  }: PlanOverlapOptions & { mirrored?: boolean },
): readonly Prediction[] {
  const ranks = ranksOf(costs);
  for (const rank of ranks) checkCosts(graph, rank);
  return candidates.map(({ plan, kind: _, slot: __, order: ___, ...cut }) =>
    simulatePlan(
      mirrored ? mirrorPlan(steadyPlan(graph, plan)) : steadyPlan(graph, plan),
      ranks.map((rank) => chunkCosts(graph, rank, { ...context, overhead, ...cut })),
      { interference },
    ),
  );
}

function chooseDirection(
  graph: OperatorGraph,
  candidates: readonly Candidate[],
  predictions: readonly Prediction[],
  costs: RankCosts,
): DirectionChoice {
  const order = ranking(
    graph,
    candidates,
    predictions.map(({ stepMs }) => stepMs),
    costs,
  );
  const choices = order.map((i): OverlapChoice => ({
    ...candidates[i]!,
    predictedMs: predictions[i]!.stepMs,
    exposedMs: predictions[i]!.exposedMs,
  }));
  const sequential = predictions[0]!;
  return {
    ...choices[0]!,
    runnerUp: choices[1],
    sequentialMs: sequential.stepMs,
    boundMs: Math.max(...ranksOf(costs).map((rank) => lowerBoundMs(graph, rank))),
    hiddenFraction: hiddenFraction({ overlappedMs: choices[0]!.exposedMs, sequentialMs: sequential.exposedMs }),
    candidates: choices,
  };
}

/** Indices of the candidates, best first. */
function ranking(
  graph: OperatorGraph,
  candidates: readonly Candidate[],
  times: readonly number[],
  costs: RankCosts,
): readonly number[] {
  const slowest = slowestOf(ranksOf(costs));
  const slack = candidates.map(({ kind, slot }) => (kind === 'sequential' ? 0 : slackOf(graph, slowest, slot)));
  // Rounded to a billionth of the longest, so that sums in another order are equal and the comparison stays transitive.
  const unit = Math.max(...times) * 1e-9;
  const rounded = times.map((ms) => (unit === 0 ? 0 : Math.round(ms / unit)));
  const isOverlapped = (i: number) => (candidates[i]!.kind === 'sequential' ? 0 : 1);
  return candidates
    .map((_, i) => i)
    .sort(
      (a, b) =>
        rounded[a]! - rounded[b]! ||
        isOverlapped(a) - isOverlapped(b) ||
        numPartsOf(candidates[a]!) - numPartsOf(candidates[b]!) ||
        candidates[a]!.halves - candidates[b]!.halves ||
        candidates[a]!.chunks - candidates[b]!.chunks ||
        slack[b]! - slack[a]! ||
        candidates[a]!.slot - candidates[b]!.slot,
    );
}

function ranksOf(costs: RankCosts): readonly OperatorCosts[] {
  return Array.isArray(costs) ? (costs as readonly OperatorCosts[]) : [costs as OperatorCosts];
}
