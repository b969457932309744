import type { RoutingStatistics } from '@scmoe/gating';

import { tableLines } from './tableLines.js';

/** The expert load as a table: a row for each layer with experts, a column for each expert, shares in percent. */
export function loadTable(layers: readonly RoutingStatistics[]): string[] {
  const numExperts = layers[0]?.load.length ?? 0;
  if (numExperts === 0) return [];
  const percent = (share: number) => (100 * share).toFixed(1);
  const header = ['layer', ...Array.from({ length: numExperts }, (_, i) => `e${i}`), 'max/mean', 'dropped'];
  const rows = layers.map(({ load, maxOverMean, droppedShare }, i) => {
    const total = load.reduce((sum, count) => sum + count, 0);
    return [String(i), ...load.map((count) => percent(count / total)), maxOverMean.toFixed(2), percent(droppedShare)];
  });
  return tableLines([header, ...rows]);
}
