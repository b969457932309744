import { describeCut } from '../axes/chunkAxes.js';
import type { ChunkContext } from '../axes/ChunkAxis.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import type { OverlapChoice } from './OverlapChoice.js';
import { planOverlap, type PlanCosts, type PlanOverlapOptions } from './planOverlap.js';

/** A plan of each pass of a training step. */
export interface StepPlan {
  readonly forward: OverlapChoice;
  /** The plan of the backward pass, mirrored: it has the slot of the forward plan. */
  readonly backward: OverlapChoice;
  /** Whether the backward pass has parts of its own. */
  readonly isApart: boolean;
}

/**
 * The plans of a training step: each forward plan with its mirror, then, where backward passes may have parts of their own, with the
 * best of these. These are not for halves, nor for the sequential plan.
 *
 * @param forward plans of `planOverlap`, best first, as `backward`
 */
export function stepPlans(
  graph: OperatorGraph,
  costs: Required<Pick<PlanCosts, 'backward'>> & PlanCosts,
  options: PlanOverlapOptions & Pick<ChunkContext, 'ownBackward'>,
): readonly StepPlan[] {
  const { ownBackward, fixed, ...others } = options;
  const { forward, backward } = planOverlap(graph, costs, { ...others, fixed });
  const mirrors = new Map(backward!.candidates.map((choice) => [nameOfChoice(choice), choice]));
  const own = ownBackward
    ? planOverlap(graph, costs, { ...others, fixed: { ...ownBackward, halves: 1 } }).backward!.candidates
    : [];
  return forward.candidates.flatMap((choice): StepPlan[] => {
    const mirror = mirrors.get(nameOfChoice(choice))!;
    const alike = { forward: choice, backward: mirror, isApart: false };
    if (choice.kind === 'sequential' || choice.halves > 1) return [alike];
    const isAllowed = (['chunks', 'expertChunks'] as const).every(
      (name) => ownBackward?.[name] === undefined || ownBackward[name] === choice[name],
    );
    const isOther = ({ chunks, expertChunks }: OverlapChoice) =>
      chunks !== choice.chunks || expertChunks !== choice.expertChunks;
    const best = own.find((other) => other.kind !== 'sequential' && other.slot === choice.slot && isOther(other));
    const apart = best && { forward: choice, backward: best, isApart: true };
    return apart ? [...(isAllowed ? [alike] : []), apart] : [alike];
  });
}

/** What a plan is called: `slot 1, 2 expert chunks`; and what a step is, whose backward pass has parts of its own. */
export function nameOfStep({ forward, backward, isApart }: StepPlan): string {
  return isApart
    ? `${nameOfChoice(forward, { order: true })}, backward ${describeCut(backward) || 'in one part'}${orderOf(backward)}`
    : nameOfChoice(forward, { order: true });
}

export function nameOfChoice(choice: OverlapChoice, { order = false } = {}): string {
  if (choice.kind === 'sequential') return 'sequential';
  return [`slot ${choice.slot}`, describeCut(choice)].filter(Boolean).join(', ') + (order ? orderOf(choice) : '');
}

function orderOf({ order }: OverlapChoice): string {
  return order ? `, in the order ${order.join(' ')}` : '';
}
