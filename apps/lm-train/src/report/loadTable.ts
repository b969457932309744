import type { LayerLoad } from '../model/expertLoad.js';

/** Expert load as a table: a row for each MoE layer, a column for each expert, shares in percent. */
export function loadTable(layers: readonly LayerLoad[]): string[] {
  const numExperts = layers[0]?.shares.length ?? 0;
  if (numExperts === 0) return [];
  const percent = (share: number) => (100 * share).toFixed(1);
  const header = ['layer', ...Array.from({ length: numExperts }, (_, i) => `e${i}`), 'max/mean', 'dropped'];
  const rows = layers.map(({ shares, dropped }, i) => [
    String(i),
    ...shares.map(percent),
    (Math.max(...shares) * numExperts).toFixed(2),
    percent(dropped),
  ]);
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]!.length)));
  return [header, ...rows].map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join('  '));
}
