import { describeCut, type ChunkCut } from '../axes/chunkAxes.js';
import type { ChunkContext } from '../axes/ChunkAxis.js';
import type { OperatorCosts } from '../costs/OperatorCosts.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import type { OverlapChoice } from './OverlapChoice.js';
import { planOverlap } from './planOverlap.js';

/** Times of a stage's operators, forward and backward. */
export interface StageCosts {
  forward: OperatorCosts;
  backward: OperatorCosts;
  /** The same of steps on two halves, both together, once there were some. */
  inHalves?: { forward: OperatorCosts; backward: OperatorCosts } | undefined;
}

/** Where the expert comes, and in how many parts and which order the rows travel; null is the sequential plan. */
export type PlanChoice = ({ slot: number; order?: readonly number[] } & ChunkCut) | null;

/** The plans of a stage. */
export interface ChosenPlans {
  training: PlanChoice;
  inference: PlanChoice;
  /** Forward and backward together, by the plan of training and sequentially. */
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
 * The best plans by these times. In training, forward and backward pass have the same one, for the one mirrors the other.
 */
export function choosePlans(
  graph: OperatorGraph,
  costs: StageCosts,
  { current, measuredMs, ...context }: ChoosePlansOptions = {},
): ChosenPlans {
  const presentOrder = current?.training?.order;
  const { forward, backward } = planOverlap(graph, costs, { maxChunks: 1, presentOrder, ...context });
  const plans = new Map(forward.candidates.map((choice) => [keyOf(choice), choiceOf(choice)]));
  const forwardOf = new Map(forward.candidates.map((choice) => [keyOf(choice), choice.predictedMs]));
  const backwardOf = new Map(backward!.candidates.map((choice) => [keyOf(choice), choice.predictedMs]));
  const inUse = current && keyOfPlan(current.training);
  const bothOf = (key: string) => forwardOf.get(key)! + backwardOf.get(key)!;
  const isKnown = measuredMs !== undefined && inUse !== undefined && inUse !== sequential && forwardOf.has(inUse);
  const scale = isKnown && bothOf(inUse) > 0 ? measuredMs / bothOf(inUse) : 1;
  const scaled = (key: string, ms: number) => (key === sequential ? ms : ms * scale);
  const bothMs = new Map([...plans.keys()].map((key) => [key, scaled(key, bothOf(key))]));
  const forwardMs = new Map([...plans.keys()].map((key) => [key, scaled(key, forwardOf.get(key)!)]));
  const training = better(bothMs, inUse);
  const inference = better(forwardMs, current && keyOfPlan(current.inference));
  return {
    training: plans.get(training)!,
    inference: plans.get(inference)!,
    predictedMs: bothMs.get(training)!,
    sequentialMs: bothMs.get(sequential)!,
  };
}

const sequential = 'sequential';

function keyOfPlan(plan: PlanChoice): string {
  return plan ? `slot ${plan.slot}, ${describeCut(plan)}` : sequential;
}

function choiceOf({ kind, slot, chunks, expertChunks, halves, order }: OverlapChoice): PlanChoice {
  return kind === sequential ? null : { slot, chunks, expertChunks, halves, ...(order && { order }) };
}

function keyOf(choice: OverlapChoice): string {
  return keyOfPlan(choiceOf(choice));
}

/** The quickest, the first among equals; `current` where that is nearly as quick. */
function better(times: ReadonlyMap<string, number>, current: string | undefined): string {
  const [best, bestMs] = [...times].reduce((least, entry) => (entry[1] < least[1] ? entry : least));
  const currentMs = current === undefined ? undefined : times.get(current);
  return currentMs !== undefined && currentMs <= bestMs * (1 + leastGain) ? current! : best;
}
