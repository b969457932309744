import type { LayerKind } from '../graph/layerGraphs.js';

/** A layer and how it is run. */
export interface Contender {
  readonly name: string;
  readonly layer: LayerKind;
  /** Routed experts of a token; a shared expert comes on top. */
  readonly topK: number;
  readonly mode: 'sequential' | 'pipelined' | 'overlapped';
}

/** The first is what speed-ups are against: the standard top-2 layer, not pipelined. */
export const contenders: readonly [Contender, ...Contender[]] = [
  { name: 'top-2', layer: 'standard', topK: 2, mode: 'sequential' },
  { name: 'top-2 pipelined', layer: 'standard', topK: 2, mode: 'pipelined' },
  { name: 'shared expert', layer: 'shared', topK: 1, mode: 'sequential' },
  { name: 'shared expert overlapped', layer: 'shared', topK: 1, mode: 'overlapped' },
  { name: 'ScMoE pos2 sequential', layer: 'pos2', topK: 1, mode: 'sequential' },
  { name: 'ScMoE pos1', layer: 'pos1', topK: 1, mode: 'overlapped' },
  { name: 'ScMoE pos2', layer: 'pos2', topK: 1, mode: 'overlapped' },
  { name: 'ScMoE pos3', layer: 'pos3', topK: 1, mode: 'overlapped' },
  { name: 'ScMoE-2', layer: 'pos2', topK: 2, mode: 'overlapped' },
  { name: 'LongCat', layer: 'longcat', topK: 1, mode: 'overlapped' },
];
