import { table } from '../../table.js';
import type { CellRow } from './cellRows.js';

const header = [
  'layer',
  'plan',
  'step',
  'speed-up',
  'communication',
  'exposed',
  'hidden',
  'bound',
  'predicted',
  'scaled',
  'best of all plans',
];

/** One table of a share, a level and a mode. */
export function cellTable(rows: readonly CellRow[]): string {
  const hasWaits = rows.some(({ waitedMs }) => waitedMs !== undefined);
  return table(
    [...header, ...(hasWaits ? ['with waits'] : [])],
    rows.map((row) => [
      row.name,
      row.plan,
      `${row.stepMs.toFixed(0)} ms`,
      `${row.speedup.toFixed(2)}x`,
      `${row.communicationMs.toFixed(0)} ms`,
      `${row.exposedMs.toFixed(0)} ms`,
      hiddenText(row.hidden),
      `${row.boundSpeedup.toFixed(2)}x`,
      against(row.predictedMs, row.stepMs),
      row.scaledMs === undefined ? '' : against(row.scaledMs, row.stepMs),
      row.best ? `${row.best.plan} (${signed(100 * (row.best.stepMs / row.stepMs - 1))} %)` : '',
      ...(row.waitedMs === undefined ? [] : [against(row.waitedMs, row.stepMs)]),
    ]),
  );
}

/** Where the error is as large as all that there is to hide, a number would be read as one. */
export function hiddenText(share: CellRow['hidden']): string {
  if (!share) return '';
  const { hidden, error } = share;
  return error < 0.5 ? `${hidden.toFixed(2)} ± ${error.toFixed(2)}` : 'not resolved';
}

/** A predicted time and how far it is off: `542 ms (-0.7 %)`. */
export function against(predictedMs: number, stepMs: number): string {
  return `${predictedMs.toFixed(0)} ms (${signed(100 * (predictedMs / stepMs - 1))} %)`;
}

const signed = (percent: number) => `${percent < 0 ? '-' : '+'}${Math.abs(percent).toFixed(1)}`;
