import type { OperatorCosts } from '../costs/OperatorCosts.js';
import type { StageKind } from '../graph/stageGraphs.js';
import type { Machine } from './Machine.js';
import type { RunKind } from './RunKind.js';

/** Times of a stage's operators, of the whole and of two halves. */
export interface PairCosts {
  readonly forward: OperatorCosts;
  readonly backward?: OperatorCosts;
  readonly inHalves?: { readonly forward: OperatorCosts; readonly backward?: OperatorCosts };
}

/** All that a machine says of a stage's times: of the whole, and of two halves where it knows those. */
export function pairCosts(
  machine: Machine,
  { stage, topK }: { readonly stage: StageKind; readonly topK: number },
  kind: RunKind,
): PairCosts {
  const forward = machine.costs(stage, topK, 'forward', kind);
  const halves = machine.costsInHalves?.(stage, topK, 'forward', kind);
  if (kind === 'infer') return { forward, ...(halves && { inHalves: { forward: halves } }) };
  const backward = machine.costs(stage, topK, 'backward');
  const halvesBack = machine.costsInHalves?.(stage, topK, 'backward');
  return { forward, backward, ...(halves && halvesBack && { inHalves: { forward: halves, backward: halvesBack } }) };
}
