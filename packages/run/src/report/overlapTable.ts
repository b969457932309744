import type { StageReport } from '@scmoe/layer';

import { tableLines } from './tableLines.js';

/**
 * What became of the exchanges of each stage in a step: how long they took, how much of it was waited for, and what the
 * plan was predicted to take. Times in ms, `-` where nobody has watched (`--overlap off` without a trace, or too few
 * steps); H is 1 - waited / communication, for a sequential plan waits for all of it.
 */
export function overlapTable(stages: readonly StageReport[]): string[] {
  const ms = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(1));
  const header = ['stage', 'slot', 'communication', 'waited', 'H', 'stage time', 'predicted', 'sequential'];
  const rows = stages.map(({ stage, slot, communicationMs, exposedMs, totalMs, predictedMs, sequentialMs }) => [
    String(stage),
    slot === null ? 'none' : String(slot),
    ms(communicationMs),
    ms(exposedMs),
    communicationMs ? (1 - exposedMs! / communicationMs).toFixed(2) : '-',
    ms(totalMs),
    ms(predictedMs),
    ms(sequentialMs),
  ]);
  return tableLines([header, ...rows]);
}
