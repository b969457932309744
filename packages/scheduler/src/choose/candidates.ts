import { cutsOf, numPartsOf, uncut, type ChunkCut } from '../axes/chunkAxes.js';
import type { ChunkContext } from '../axes/ChunkAxis.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { overlappedPlan } from '../plan/overlappedPlan.js';
import { sequentialPlan } from '../plan/sequentialPlan.js';
import type { Plan } from '../plan/Plan.js';
import type { PlanKind } from './OverlapChoice.js';

/** A plan of the forward pass that can be chosen. */
export interface Candidate extends ChunkCut {
  readonly kind: PlanKind;
  readonly slot: number;
  /** The order of unequal parts; absent where they go as they are numbered. */
  readonly order?: readonly number[] | undefined;
  readonly plan: Plan;
}

/**
 * Sequential first, then every slot with every combination of parts along the axes. A graph that routes no tokens has the
 * sequential plan alone.
 *
 * @param orderOf the order of the parts of a slot and cut, where they are unequal; undefined: as they are numbered
 */
export function candidatePlans(
  graph: OperatorGraph,
  context: ChunkContext,
  orderOf: (slot: number, cut: ChunkCut) => readonly number[] | undefined,
): readonly Candidate[] {
  const sequential = { kind: 'sequential', slot: 0, ...uncut } as const;
  const candidates: Candidate[] = [{ ...sequential, plan: sequentialPlan(graph.operators) }];
  if (!graph.routed) return candidates;
  const hasWindow = graph.window.length > 0;
  // What a stage leaves to the next one is of the whole.
  const leavesPending = graph.operators.some(({ kind }) => kind === 'join');
  for (const cut of cutsOf(context)) {
    if (leavesPending && cut.halves > 1) continue;
    const isWhole = numPartsOf(cut) === 1;
    // Without a window, one part is the sequential plan.
    if (isWhole && !hasWindow) continue;
    const kind = isWhole ? 'overlapped' : hasWindow ? 'chunked' : 'pipelined';
    const isUneven = context.expertShares && numPartsOf(cut, 'routed') > 1;
    for (let slot = 0; slot < graph.numSlots; slot++) {
      const order = isUneven ? orderOf(slot, cut) : undefined;
      const plan = overlappedPlan(graph, {
        slot,
        ...cut,
        ...(order && { order }),
        jointGate: context.jointGate ?? false,
      });
      candidates.push({ kind, slot, ...cut, ...(order && { order }), plan });
    }
  }
  return candidates;
}
