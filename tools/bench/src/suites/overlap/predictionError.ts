import type { CellRow } from './cellRows.js';

/** How far predictions were off the steps that were measured, of all rows of a table the furthest: a share of a step. */
export function predictionError(rows: readonly CellRow[]): number {
  return Math.max(...rows.map((row) => errorOf(row.predictedMs, row)));
}

const goal = 0.1;

/** How many steps were predicted within a tenth, from the profile as it was taken and scaled by the sequential steps beside them. */
export function accuracyLine(rows: readonly CellRow[]): string {
  const scaled = rows.filter(({ scaledMs }) => scaledMs !== undefined);
  const summary = (of: readonly CellRow[], msOf: (row: CellRow) => number) => {
    const errors = of.map((row) => errorOf(msOf(row), row));
    const within = errors.filter((error) => error <= goal).length;
    return `${within} of ${of.length} within 10 %, the furthest ${(100 * Math.max(...errors)).toFixed(1)} %`;
  };
  const ofScaled = scaled.length > 0 ? `; scaled: ${summary(scaled, ({ scaledMs }) => scaledMs!)}` : '';
  return `Predicted: ${summary(rows, (row) => row.predictedMs)}${ofScaled}.`;
}

/** How near steps with kernels that wait came to those that compute; nothing where none was run. */
export function waitsLine(rows: readonly CellRow[]): string {
  const both = rows.filter(({ waitedMs }) => waitedMs !== undefined);
  if (both.length === 0) return '';
  const errors = both.map((row) => errorOf(row.waitedMs!, row));
  const within = (limit: number) => errors.filter((error) => error <= limit).length;
  const furthest = `the furthest ${(100 * Math.max(...errors)).toFixed(1)} %`;
  return ` With waits: ${within(0.03)} of ${both.length} within 3 %, ${within(0.05)} within 5 %, ${furthest}.`;
}

function errorOf(predictedMs: number, { stepMs }: CellRow): number {
  return Math.abs(predictedMs / stepMs - 1);
}
