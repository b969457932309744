import type { LayerReport } from '@scmoe/layer';

/**
 * What became of the exchanges of each layer in a step: how long they took, how much of it was waited for, and what the
 * plan was predicted to take. Times in ms; H is 1 - waited / communication, for a sequential plan waits for all of it.
 */
export function overlapTable(layers: readonly LayerReport[]): string[] {
  const ms = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(1));
  const header = ['layer', 'slot', 'communication', 'waited', 'H', 'layer time', 'predicted', 'sequential'];
  const rows = layers.map(({ layer, slot, communicationMs, exposedMs, totalMs, predictedMs, sequentialMs }) => [
    String(layer),
    slot === null ? 'none' : String(slot),
    ms(communicationMs),
    ms(exposedMs),
    communicationMs ? (1 - exposedMs! / communicationMs).toFixed(2) : '-',
    ms(totalMs),
    ms(predictedMs),
    ms(sequentialMs),
  ]);
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]!.length)));
  return [header, ...rows].map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join('  '));
}
