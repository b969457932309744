import { bytesText } from '@scmoe/errors';
import type { GradientPlacementReport, StageReport } from '@scmoe/layer';
import { describeCut } from '@scmoe/scheduler';

import { tableLines } from './tableLines.js';

/**
 * What became of the exchanges of each stage in a step: how long they took, how much of it was waited for, and what the
 * plan was predicted to take. Times in ms, `-` where nobody has watched (`--overlap off` without a trace, or too few
 * steps); `off by` is how much longer steps took than was predicted; H is 1 - waited / communication, for a sequential plan waits for all of it.
 */
export function overlapTable(stages: readonly StageReport[]): string[] {
  const ms = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(1));
  const header = [
    'stage',
    'slot',
    'parts',
    'communication',
    'waited',
    'H',
    'stage time',
    'predicted',
    'off by',
    'sequential',
  ];
  const rows = stages.map(({ stage, slot, communicationMs, exposedMs, totalMs, predictedMs, ...rest }) => [
    String(stage),
    slot === null ? 'none' : String(slot),
    [describeCut(rest) || '1', ...(rest.backward ? [`backward ${describeCut(rest.backward) || '1'}`] : [])]
      .concat(rest.order ? [`order ${rest.order.join(' ')}`] : [])
      .join(', '),
    ms(communicationMs),
    ms(exposedMs),
    communicationMs ? (1 - exposedMs! / communicationMs).toFixed(2) : '-',
    ms(totalMs),
    ms(predictedMs),
    rest.predictionError === undefined ? '-' : `${(100 * rest.predictionError).toFixed(0)} %`,
    ms(rest.sequentialMs),
  ]);
  return tableLines([header, ...rows]);
}

const reasons = {
  'nothing fits': 'no part fits between exchanges',
  'not measured': 'no steps under plans that stay were measured yet',
};

/** What became of the averaging of gradients, in a line; none where nothing was asked for and both ways were not compared. */
export function gradientLine(report: GradientPlacementReport | undefined): string[] {
  if (report?.whyNot) return [`gradients: they travel as soon as they are there, for ${reasons[report.whyNot]}`];
  if (!report || (!report.isPlaced && report.placedMs === undefined)) return [];
  const { isPlaced, partBytes, partsInGaps = 0, bytes = 0, placedMs, atOnceMs, exposedMs, tailMs } = report;
  const predicted =
    exposedMs !== undefined && tailMs !== undefined
      ? ` (predicted: ${exposedMs.toFixed(1)} of ${tailMs.toFixed(1)} ms are left at the end)`
      : '';
  const compared =
    placedMs !== undefined && atOnceMs !== undefined
      ? `: a step took ${placedMs.toFixed(1)} ms in parts between exchanges, ${atOnceMs.toFixed(1)} ms at once`
      : '';
  return [
    isPlaced
      ? `gradients: of ${bytesText(bytes)}, ${partsInGaps} parts of ${bytesText(partBytes!)} travel between exchanges${predicted}${compared}`
      : `gradients: they travel as soon as they are there${predicted}${compared}`,
  ];
}
