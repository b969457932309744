import type { PlanCosts } from '../choose/planOverlap.js';
import type { OperatorCosts } from '../costs/OperatorCosts.js';
import type { StageKind } from '../graph/stageGraphs.js';
import type { Machine } from './Machine.js';
import type { RunKind } from './RunKind.js';

/** All that a machine says of a stage's times: of the whole, and of two halves where it knows those. */
export function pairCosts(
  machine: Machine,
  { stage, topK }: { readonly stage: StageKind; readonly topK: number },
  kind: RunKind,
): PlanCosts & { readonly forward: OperatorCosts } {
  const forward = machine.costs(stage, topK, 'forward');
  const halves = machine.costsInHalves?.(stage, topK, 'forward');
  if (kind === 'infer') return { forward, ...(halves && { inHalves: { forward: halves } }) };
  const backward = machine.costs(stage, topK, 'backward');
  const halvesBack = machine.costsInHalves?.(stage, topK, 'backward');
  return { forward, backward, ...(halves && halvesBack && { inHalves: { forward: halves, backward: halvesBack } }) };
}
