import type { Communicator } from '@scmoe/comm';

import { noStage, type StepEvent } from './StepRecorder.js';

/** The averaging of gradients since a time, part by part, for those who watch: it belongs to no stage. */
export function gradientEvents(world: Communicator | undefined, sinceMs: number): StepEvent[] {
  return (world?.flightRecord().entries ?? [])
    .filter(({ operation, issuedMs }) => operation === 'allReduce' && issuedMs >= sinceMs)
    .map(({ issuedMs, startedMs, finishedMs }, i) => ({
      ...{ stage: noStage, step: { action: 'start', operator: `gradients ${i}` }, phase: 'backward' },
      ...{ beginMs: issuedMs, endMs: issuedMs, transfer: { beginMs: startedMs, endMs: finishedMs } },
    }));
}
