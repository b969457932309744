import type { LayerName } from './layers.js';

/** A row of the table: a layer and how it is run. */
export interface Row {
  name: string;
  layer: LayerName;
  schedule: 'sequential' | 'pipelined' | 'overlapped';
}

const scmoe = (['pos1', 'pos2', 'pos3'] as const).flatMap((layer): Row[] => [
  { name: `ScMoE ${layer}`, layer, schedule: 'sequential' },
  { name: `ScMoE ${layer}`, layer, schedule: 'overlapped' },
]);

/** What is compared. The first is what speed-ups are against. */
export const rows: readonly Row[] = [
  { name: 'top-2', layer: 'top2', schedule: 'sequential' },
  { name: 'top-2', layer: 'top2', schedule: 'pipelined' },
  { name: 'top-1', layer: 'top1', schedule: 'sequential' },
  { name: 'shared expert', layer: 'shared', schedule: 'sequential' },
  { name: 'shared expert', layer: 'shared', schedule: 'overlapped' },
  ...scmoe,
  { name: 'ScMoE-2 pos2', layer: 'scmoe2', schedule: 'sequential' },
  { name: 'ScMoE-2 pos2', layer: 'scmoe2', schedule: 'overlapped' },
  { name: 'LongCat', layer: 'longcat', schedule: 'sequential' },
  { name: 'LongCat', layer: 'longcat', schedule: 'overlapped' },
];
