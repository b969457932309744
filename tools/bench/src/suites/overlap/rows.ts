import type { MeasuredCosts } from '@scmoe/scheduler';

import { benchLayers, layerNames, type LayerName } from './layers.js';

/** A row of the table: a layer and how it is run. */
export interface Row {
  name: string;
  layer: LayerName;
  /**
   * How it is run. `overlapped`: in one part; `chunked`: overlapped, and tokens and experts may be cut as well; `split`: on two
   * halves of the batch, which may be cut as well.
   */
  schedule: 'sequential' | 'pipelined' | 'overlapped' | 'chunked' | 'split';
}

const row = (name: string, layer: LayerName, ...schedules: Row['schedule'][]): Row[] =>
  schedules.map((schedule) => ({ name, layer, schedule }));

/** What is compared. The first is what speed-ups are against. */
export const rows: readonly Row[] = [
  ...row('top-2', 'top2', 'sequential', 'pipelined', 'split'),
  ...row('top-1', 'top1', 'sequential'),
  // Parts where the window may be too short for the exchanges.
  ...row('shared expert', 'shared', 'sequential', 'overlapped', 'chunked', 'split'),
  ...row('ScMoE pos1', 'pos1', 'sequential', 'overlapped', 'chunked'),
  ...row('ScMoE pos2', 'pos2', 'sequential', 'overlapped', 'chunked'),
  ...row('ScMoE pos3', 'pos3', 'sequential', 'overlapped'),
  ...row('FarSkip', 'farskip', 'sequential', 'overlapped', 'chunked'),
  ...row('ScMoE-2 pos2', 'scmoe2', 'sequential', 'overlapped', 'chunked'),
  ...row('LongCat', 'longcat', 'sequential', 'overlapped'),
];

/** The layers that were profiled. */
export function layersOf({ stages }: MeasuredCosts): LayerName[] {
  return layerNames.filter((name) => {
    const { graph, topK } = benchLayers[name];
    return stages.some((one) => one.stage === graph && one.topK === topK);
  });
}

/** The rows of the layers that were profiled. */
export function rowsOf(costs: MeasuredCosts): Row[] {
  const layers = layersOf(costs);
  return rows.filter(({ layer }) => layers.includes(layer));
}
