import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { overlappedPlan } from '../plan/overlappedPlan.js';
import { sequentialPlan } from '../plan/sequentialPlan.js';
import type { Plan } from '../plan/Plan.js';
import type { PlanKind } from './OverlapChoice.js';

/** A plan of the forward pass that can be chosen. */
export interface Candidate {
  readonly kind: PlanKind;
  readonly slot: number;
  readonly chunks: number;
  readonly plan: Plan;
}

/** Sequential first, then every slot with 1, 2, ... chunks. A graph that routes no tokens has the sequential plan alone. */
export function candidatePlans(graph: OperatorGraph, maxChunks: number): readonly Candidate[] {
  const candidates: Candidate[] = [{ kind: 'sequential', slot: 0, chunks: 1, plan: sequentialPlan(graph.operators) }];
  if (!graph.routed) return candidates;
  const hasWindow = graph.window.length > 0;
  for (let chunks = 1; chunks <= maxChunks; chunks++) {
    // Without a window, one chunk is the sequential plan.
    if (chunks === 1 && !hasWindow) continue;
    const kind = chunks === 1 ? 'overlapped' : hasWindow ? 'chunked' : 'pipelined';
    for (let slot = 0; slot < graph.numSlots; slot++) {
      candidates.push({ kind, slot, chunks, plan: overlappedPlan(graph, { slot, chunks }) });
    }
  }
  return candidates;
}
