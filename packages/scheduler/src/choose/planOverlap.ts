import { expectPositiveInteger, expectThat, expectWholeNumber } from '@scmoe/errors';

import { numPartsOf, type ChunkCut } from '../axes/chunkAxes.js';
import type { ChunkContext } from '../axes/ChunkAxis.js';
import { ofBackward } from '../axes/passOverheads.js';
import { chunkCosts } from '../costs/chunkCosts.js';
import { checkCosts, type OperatorCosts } from '../costs/OperatorCosts.js';
import { slowestOf } from '../costs/slowestOf.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { hiddenFraction, lowerBoundMs } from '../metrics/overlapMetrics.js';
import { expectChunks } from '../plan/expectChunks.js';
import { mirrorPlan } from '../plan/mirrorPlan.js';
import { overlappedPlan } from '../plan/overlappedPlan.js';
import { simulatePlan } from '../predict/simulatePlan.js';
import { steadyPlan } from '../predict/steadyPlan.js';
import { candidatePlans, type Candidate } from './candidates.js';
import type { DirectionChoice, OverlapChoice } from './OverlapChoice.js';
import { bestOrder, ordersOf } from './partOrder.js';
import { slackOf } from './slackOf.js';

/** Costs of this rank, or of every rank: an exchange waits for the slowest. */
export type RankCosts = OperatorCosts | readonly OperatorCosts[];

/** Times of the operators, forward and, where there is a backward pass, backward. */
export interface PlanCosts {
  readonly forward: RankCosts;
  /** Times of the gradients, under the names of the operators. Without them no backward plan is chosen. */
  readonly backward?: RankCosts;
  /** The same of a stage that ran on two halves, both halves of each operator together: what plans on halves are predicted by. */
  readonly inHalves?: { readonly forward: RankCosts; readonly backward?: RankCosts } | undefined;
}

/** Which plans are compared, and what else their times depend on. */
export interface PlanOverlapOptions extends ChunkContext {
  /** How much slower computing is beside an exchange, as for `simulatePlan`. Default 0. */
  readonly interference?: number;
  /** The order in which unequal parts go now, of as many parts: kept unless another one is clearly better. */
  readonly presentOrder?: readonly number[] | undefined;
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
 * Unequal parts go in the order that makes forward and backward pass together the shortest: the best of all for up to four
 * parts, for more that of Johnson's rule or as they are numbered.
 *
 * Times that differ by less than a billionth are a tie, which goes to the sequential plan, then to fewer parts, then to
 * the whole stage, then fewer chunks of the tokens, then to the slot that leaves the most slack beside the tighter exchange, then to the lower slot.
 *
 * @throws ArgumentError for costs that are missing, unknown, negative or not finite
 */
export function planOverlap(graph: OperatorGraph, costs: PlanCosts, options: PlanOverlapOptions = {}): OverlapDecision {
  const { maxChunks = 4, numTokens, expertsPerRank = 1, expertShares, jointGate = false } = options;
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
  checkCosts(graph, slowestOf(ranksOf(costs.forward)));
  const passes = [costs.forward, ...(costs.backward ? [costs.backward] : [])].map(ranksOf);
  for (const rank of passes.flat()) checkCosts(graph, rank);
  const { inHalves } = costs;
  for (const pass of [inHalves?.forward, inHalves?.backward])
    for (const rank of ranksOf(pass ?? [])) checkCosts(graph, rank);
  // A backward pass runs the parts in the reverse order, and its exchanges have changed sides: one order is best for both.
  const bothPasses = passes.map(slowestOf).reduce(sumOf);
  const candidates = candidatePlans(graph, options, (slot, cut) => {
    const parts = chunkCosts(graph, bothPasses, { ...options, ...cut, halves: 1 });
    return bestOrder(ordersOf(graph, parts), options.presentOrder, (order) => {
      const own = { ...cut, plan: overlappedPlan(graph, { slot, ...cut, order, jointGate }) };
      const forward = predict(graph, own, costs.forward, { ...options, inHalves: inHalves?.forward });
      const backward =
        costs.backward &&
        predict(graph, own, costs.backward, { ...options, inHalves: inHalves?.backward, mirrored: true });
      return forward.stepMs + (backward?.stepMs ?? 0);
    });
  });

  const timesOf = (of: RankCosts, how: Pick<PredictOptions, 'inHalves' | 'mirrored'>) =>
    candidates.map((candidate) => predict(graph, candidate, of, { ...options, ...how }));
  const forwardTimes = timesOf(costs.forward, { inHalves: inHalves?.forward });
  const backwardTimes = costs.backward && timesOf(costs.backward, { inHalves: inHalves?.backward, mirrored: true });
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

function sumOf(one: OperatorCosts, other: OperatorCosts): OperatorCosts {
  return Object.fromEntries(Object.entries(one).map(([name, ms]) => [name, ms + other[name]!]));
}

interface Prediction {
  readonly stepMs: number;
  readonly exposedMs: number;
}

interface PredictOptions extends PlanOverlapOptions {
  inHalves?: RankCosts | undefined;
  mirrored?: boolean;
}

function predict(
  graph: OperatorGraph,
  { plan, chunks, expertChunks, halves }: Pick<Candidate, 'plan' | keyof ChunkCut>,
  costs: RankCosts,
  { interference = 0, mirrored = false, inHalves, ...context }: PredictOptions,
): Prediction {
  const steady = steadyPlan(graph, plan);
  const ofPass = mirrored ? ofBackward(context) : context;
  return simulatePlan(
    mirrored ? mirrorPlan(steady) : steady,
    ranksOf(costs).map((rank, i) =>
      chunkCosts(graph, rank, { ...ofPass, chunks, expertChunks, halves, inHalves: inHalves && ranksOf(inHalves)[i] }),
    ),
    { interference },
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
