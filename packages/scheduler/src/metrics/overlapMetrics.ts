import { ArgumentError, expectNonNegative } from '@scmoe/errors';

import { checkCosts, sumCosts, type OperatorCosts } from '../costs/OperatorCosts.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';

/**
 * H = 1 - exposed when overlapped / exposed when sequential: 1 where all communication is hidden, 0 where none is,
 * negative where overlap hurts. Where there was nothing to hide: 1 if nothing is exposed, else minus infinity.
 */
export function hiddenFraction({
  overlappedMs,
  sequentialMs,
}: {
  readonly overlappedMs: number;
  readonly sequentialMs: number;
}): number {
  if (!Number.isFinite(overlappedMs) || !Number.isFinite(sequentialMs)) {
    throw new ArgumentError(`exposed times: expected finite numbers, got ${overlappedMs} and ${sequentialMs}`);
  }
  if (sequentialMs <= 0) return overlappedMs <= 0 ? 1 : -Infinity;
  return 1 - overlappedMs / sequentialMs;
}

/** T_a2a / (T_a2a + T_moe), of the standard top-2 layer run sequentially; 0 where both are. */
export function communicationShare({
  allToAllMs,
  moeComputeMs,
}: {
  readonly allToAllMs: number;
  readonly moeComputeMs: number;
}): number {
  expectNonNegative('allToAllMs', allToAllMs);
  expectNonNegative('moeComputeMs', moeComputeMs);
  const total = allToAllMs + moeComputeMs;
  return total === 0 ? 0 : allToAllMs / total;
}

/** The time that no schedule beats: the computations one after the other, or the exchanges, whichever is longer. */
export function lowerBoundMs(graph: OperatorGraph, costs: OperatorCosts): number {
  checkCosts(graph, costs);
  const { computeMs, communicationMs } = sumCosts(graph, costs);
  return Math.max(computeMs, communicationMs);
}
