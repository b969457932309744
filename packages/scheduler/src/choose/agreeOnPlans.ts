import { ArgumentError } from '@scmoe/errors';

import type { OperatorGraph } from '../graph/OperatorGraph.js';
import type { ChosenPlans, PlanChoice } from './choosePlans.js';

/** Hands every rank the text that rank 0 called with. A collective: all ranks call it, each with its own text. */
export type BroadcastText = (text: string) => string | Promise<string>;

/**
 * Makes all ranks follow the plans of rank 0. Ranks measure different times and would choose different plans, and with
 * them different orders of collectives, which never meet.
 *
 * @param own the plans that this rank would choose, one for each graph, or undefined where it has nothing to choose by
 * @param graphs those of the stages, the same on every rank
 * @returns what rank 0 called with
 * @throws ArgumentError where that is not one choice of plans for each graph
 */
export async function agreeOnPlans(
  graphs: readonly OperatorGraph[],
  own: readonly ChosenPlans[] | undefined,
  broadcast: BroadcastText,
): Promise<readonly ChosenPlans[] | undefined> {
  const agreed = JSON.parse(await broadcast(JSON.stringify(own ?? null))) as unknown;
  if (agreed === null) return undefined;
  const fits =
    Array.isArray(agreed) &&
    agreed.length === graphs.length &&
    agreed.every((plans, i) => isOf(graphs[i]!, plans as Partial<ChosenPlans>));
  if (!fits)
    throw new ArgumentError(`plans of rank 0: expected those of ${graphs.length} stages, as they are on this rank`);
  return agreed as ChosenPlans[];
}

function isOf(graph: OperatorGraph, { training, inference, predictedMs, sequentialMs }: Partial<ChosenPlans>): boolean {
  const isChoice = (plan: PlanChoice | undefined) => plan === null || isPlan(graph, plan);
  return isChoice(training) && isChoice(inference) && Number.isFinite(predictedMs) && Number.isFinite(sequentialMs);
}

function isPlan({ numSlots }: OperatorGraph, plan: unknown): boolean {
  const { slot, chunks, expertChunks, halves, order = [], backward } = (plan ?? {}) as Partial<Record<string, unknown>>;
  const ofBackward = (backward ?? { chunks: 1, expertChunks: 1 }) as Partial<Record<string, unknown>>;
  const isWhole = (value: unknown, least: number) => Number.isInteger(value) && (value as number) >= least;
  return (
    isWhole(slot, 0) &&
    (slot as number) < numSlots &&
    isWhole(chunks, 1) &&
    isWhole(expertChunks, 1) &&
    (halves === 1 || (halves === 2 && backward === undefined)) &&
    isWhole(ofBackward['chunks'], 1) &&
    isWhole(ofBackward['expertChunks'], 1) &&
    Array.isArray(ofBackward['order'] ?? []) &&
    Array.isArray(order)
  );
}
