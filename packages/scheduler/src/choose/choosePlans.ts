import { describeCut, type ChunkCut } from '../axes/chunkAxes.js';
import type { ChunkContext } from '../axes/ChunkAxis.js';
import type { OperatorCosts } from '../costs/OperatorCosts.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import type { OverlapChoice } from './OverlapChoice.js';
import { stepPlans, type StepPlan } from './stepPlans.js';

/** Times of a stage's operators, forward and backward. */
export interface StageCosts {
  forward: OperatorCosts;
  backward: OperatorCosts;
  /** The same of steps on two halves, both together, once there were some. */
  inHalves?: { forward: OperatorCosts; backward: OperatorCosts } | undefined;
}

/** The parts in which a backward pass sends rows, and the order in which they would go forward, where they are not as forward. */
export interface BackwardCut {
  chunks: number;
  expertChunks: number;
  order?: readonly number[];
}

/** Where the expert comes, and in how many parts and which order the rows travel; null is the sequential plan. */
export type PlanChoice = ({ slot: number; order?: readonly number[]; backward?: BackwardCut } & ChunkCut) | null;

/** The plans of a stage. */
export interface ChosenPlans {
  training: PlanChoice;
  inference: PlanChoice;
  /**
   * Forward and backward together, by the plan of training and sequentially: from the times alone. What steps took corrects the choice,
   * and not this, for else it would be what it is compared with.
   */
  predictedMs: number;
  sequentialMs: number;
}

/** What is chosen from. */
export interface ChoosePlansOptions extends ChunkContext {
  /** The plans in use: they stay unless others are clearly better. */
  current?: ChosenPlans | undefined;
  /**
   * What training steps under the plan in use took, forward and backward: as much as it was predicted too short or too long,
   * the other plans that overlap are taken to be. The sequential one, which is a sum of times, is not.
   */
  measuredMs?: number | undefined;
}

/** A plan is given up for one that is predicted to be better by this share: less is noise. */
const leastGain = 0.02;

/**
 * The best plans by these times. In training the backward pass mirrors the forward pass, but may have other parts where `ownBackward`
 * says so, and where these are clearly better.
 */
export function choosePlans(
  graph: OperatorGraph,
  costs: StageCosts,
  { current, measuredMs, ...context }: ChoosePlansOptions = {},
): ChosenPlans {
  const presentOrder = current?.training?.order;
  const steps = stepPlans(graph, costs, { maxChunks: 1, presentOrder, ...context });
  const inUse = current && keyOf(current.training);
  const predictedOf = new Map(steps.map((step) => [keyOf(choiceOf(step)), msOf(step)]));
  const isKnown = measuredMs !== undefined && inUse !== undefined && inUse !== sequential && predictedOf.has(inUse);
  const scale = isKnown && predictedOf.get(inUse)! > 0 ? measuredMs / predictedOf.get(inUse)! : 1;
  const timesOf = (some: readonly StepPlan[], ms: (step: StepPlan) => number) =>
    new Map(
      some.map((step) => {
        const key = keyOf(choiceOf(step));
        return [key, key === sequential ? ms(step) : ms(step) * scale];
      }),
    );
  const mirrored = steps.filter(({ isApart }) => !isApart);
  const bothMs = timesOf(steps, msOf);
  const apart = better(bothMs, inUse);
  const alike = better(timesOf(mirrored, msOf), inUse);
  const isWorthIt = apart === inUse || bothMs.get(alike)! > bothMs.get(apart)! * (1 + leastGain);
  const training = isWorthIt ? apart : alike;
  const inference = better(
    timesOf(
      steps.map((step) => ({ ...step, isApart: false })),
      ({ forward }) => forward.predictedMs,
    ),
    current && keyOf(current.inference),
  );
  const choices = new Map(
    [...steps, ...steps.map((step) => ({ ...step, isApart: false }))].map((step) => [
      keyOf(choiceOf(step)),
      choiceOf(step),
    ]),
  );
  return {
    training: choices.get(training)!,
    inference: choices.get(inference)!,
    predictedMs: predictedOf.get(training)!,
    sequentialMs: predictedOf.get(sequential)!,
  };
}

const sequential = 'sequential';

function msOf({ forward, backward }: StepPlan): number {
  return forward.predictedMs + backward.predictedMs;
}

/** Orders are not part of it. */
function keyOf(plan: PlanChoice): string {
  if (!plan) return sequential;
  const { backward } = plan;
  return `slot ${plan.slot}, ${describeCut(plan)}${backward ? `, backward ${describeCut(backward)}` : ''}`;
}

function choiceOf({ forward, backward, isApart }: StepPlan): PlanChoice {
  const { kind, slot, halves, ...own } = forward;
  if (kind === sequential) return null;
  return { slot, ...cutOf(own), halves, ...(isApart && { backward: cutOf(backward) }) };
}

function cutOf({ chunks, expertChunks, order }: Pick<OverlapChoice, 'chunks' | 'expertChunks' | 'order'>): BackwardCut {
  return { chunks, expertChunks, ...(order && { order }) };
}

/** The quickest, the first among equals; `current` where that is nearly as quick. */
function better(times: ReadonlyMap<string, number>, current: string | undefined): string {
  const [best, bestMs] = [...times].reduce((least, entry) => (entry[1] < least[1] ? entry : least));
  const currentMs = current === undefined ? undefined : times.get(current);
  return currentMs !== undefined && currentMs <= bestMs * (1 + leastGain) ? current! : best;
}
