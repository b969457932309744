import { ArgumentError } from '@scmoe/errors';

import type { OperatorGraph } from '../graph/OperatorGraph.js';
import type { ChosenSlots } from './chooseSlots.js';

/** Hands every rank the text that rank 0 called with. A collective: all ranks call it, each with its own text. */
export type BroadcastText = (text: string) => string | Promise<string>;

/**
 * Makes all ranks follow the slots of rank 0. Ranks measure different times and would choose different plans, and with
 * them different orders of collectives, which never meet.
 *
 * @param own the slots that this rank would choose, one for each graph, or undefined where it has nothing to choose by
 * @param graphs those of the stages, the same on every rank
 * @returns what rank 0 called with
 * @throws ArgumentError where that is not one choice of slots for each graph
 */
export async function agreeOnSlots(
  graphs: readonly OperatorGraph[],
  own: readonly ChosenSlots[] | undefined,
  broadcast: BroadcastText,
): Promise<readonly ChosenSlots[] | undefined> {
  const agreed = JSON.parse(await broadcast(JSON.stringify(own ?? null))) as unknown;
  if (agreed === null) return undefined;
  const fits =
    Array.isArray(agreed) &&
    agreed.length === graphs.length &&
    agreed.every((slots, i) => isOf(graphs[i]!, slots as Partial<ChosenSlots>));
  if (!fits)
    throw new ArgumentError(`slots of rank 0: expected those of ${graphs.length} stages, as they are on this rank`);
  return agreed as ChosenSlots[];
}

function isOf({ numSlots }: OperatorGraph, { training, inference, predictedMs, sequentialMs }: Partial<ChosenSlots>) {
  const isSlot = (slot: unknown) =>
    slot === null || (Number.isInteger(slot) && (slot as number) >= 0 && (slot as number) < numSlots);
  return isSlot(training) && isSlot(inference) && Number.isFinite(predictedMs) && Number.isFinite(sequentialMs);
}
