import type { Span } from '@scmoe/scheduler';

import { noStage, type StepEvent } from './StepRecorder.js';

const marks = { forward: '', recompute: ' again', backward: "'" } as const;

/**
 * The steps of one rank as the spans of a trace: what computes, and what moves. The name of an operator has its stage
 * before it, and of a gradient `'` behind it, of what is computed once more `again`. Waiting is no computing: it is left out as far as data were under way.
 */
export function spansOf(events: readonly StepEvent[], rank: number): Span[] {
  return events.flatMap(({ stage, step, phase, beginMs, endMs, transfer }): Span[] => {
    const operator = stage === noStage ? step.operator : `${stage} ${step.operator}${marks[phase]}`;
    const compute = (name: string, startMs: number): Span[] =>
      endMs > startMs ? [{ rank, track: 'compute', operator: name, startMs, endMs }] : [];
    if (step.action === 'run') return compute(operator, beginMs);
    if (step.action === 'wait') return compute(`${operator} unpack`, Math.max(beginMs, transfer?.endMs ?? beginMs));
    const moving: Span[] = transfer
      ? [{ rank, track: 'communication', operator, startMs: transfer.beginMs, endMs: transfer.endMs }]
      : [];
    return [...compute(`${operator} start`, beginMs), ...moving];
  });
}
