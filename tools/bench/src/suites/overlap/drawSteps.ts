import { drawTimeline, type Trace, type PlanChoice } from '@scmoe/scheduler';

import type { RankGroup } from '../../ranks/RankGroup.js';
import type { LayerName } from './layers.js';
import type { TraceAnswer } from './protocol.js';

/** A step to draw. */
export interface DrawnStep {
  title: string;
  layer: LayerName;
  plan: PlanChoice;
}

/** Training steps of block pairs as they ran, below each other, on the clock that all ranks of this machine share. */
export async function drawSteps(group: RankGroup, steps: readonly DrawnStep[]): Promise<string> {
  const traces: Trace[] = [];
  for (const { title, layer, plan } of steps) {
    const answers = await group.ask<TraceAnswer>(
      JSON.stringify({ ask: 'trace', level: 'pair', layer, mode: 'train', plan }),
    );
    const spans = answers.flatMap((answer) => answer.spans);
    const first = spans.reduce((least, { startMs }) => Math.min(least, startMs), Infinity);
    const shifted = spans.map((span) => ({ ...span, startMs: span.startMs - first, endMs: span.endMs - first }));
    traces.push({ title, spans: shifted });
  }
  return drawTimeline(traces);
}
