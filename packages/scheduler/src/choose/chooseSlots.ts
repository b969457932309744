import type { OperatorCosts } from '../costs/OperatorCosts.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { planOverlap } from './planOverlap.js';

/** Times of a stage's operators, forward and backward. */
export interface StageCosts {
  forward: OperatorCosts;
  backward: OperatorCosts;
}

/** The slots of a stage: null is the sequential plan. */
export interface ChosenSlots {
  training: number | null;
  inference: number | null;
  /** Forward and backward together, in the training slot and sequentially. */
  predictedMs: number;
  sequentialMs: number;
}

/** A slot is given up for one that is predicted to be better by this share: less is noise. */
const leastGain = 0.02;

/**
 * The best slots by these times. In training, forward and backward pass have the same one, for the one mirrors the other.
 * A slot in use (`current`) stays unless another is clearly better.
 */
export function chooseSlots(graph: OperatorGraph, costs: StageCosts, current?: ChosenSlots): ChosenSlots {
  const { forward, backward } = planOverlap(graph, costs, { maxChunks: 1 });
  const backwardOf = new Map(backward!.candidates.map((choice) => [slotOf(choice), choice.predictedMs]));
  const times = new Map(
    forward.candidates.map((choice) => [slotOf(choice), choice.predictedMs + backwardOf.get(slotOf(choice))!]),
  );
  const training = better(times, current?.training);
  const inference = better(
    new Map(forward.candidates.map((choice) => [slotOf(choice), choice.predictedMs])),
    current?.inference,
  );
  return { training, inference, predictedMs: times.get(training)!, sequentialMs: times.get(null)! };
}

function slotOf({ kind, slot }: { kind: string; slot: number }): number | null {
  return kind === 'sequential' ? null : slot;
}

/** The quickest, the first among equals; `current` where that is nearly as quick. */
function better(times: ReadonlyMap<number | null, number>, current: number | null | undefined): number | null {
  const [best, bestMs] = [...times].reduce((least, entry) => (entry[1] < least[1] ? entry : least));
  const currentMs = current === undefined ? undefined : times.get(current);
  return currentMs !== undefined && currentMs <= bestMs * (1 + leastGain) ? current! : best;
}
