import type { StageKind } from '@scmoe/scheduler';

/** A layer that is compared; `graph` is what the scheduler knows it as. */
export interface BenchLayer {
  graph: StageKind;
  /** Routed experts of a token; a shared expert comes on top. */
  topK: number;
}

/** The layers by name. All but `top1` and `scmoe2` compute as much as two experts for each token. */
export const benchLayers = {
  top2: { graph: 'standard', topK: 2 },
  top1: { graph: 'standard', topK: 1 },
  shared: { graph: 'shared', topK: 1 },
  pos1: { graph: 'pos1', topK: 1 },
  pos2: { graph: 'pos2', topK: 1 },
  pos3: { graph: 'pos3', topK: 1 },
  farskip: { graph: 'farskip', topK: 1 },
  scmoe2: { graph: 'pos2', topK: 2 },
  longcat: { graph: 'longcat', topK: 1 },
} as const satisfies Record<string, BenchLayer>;

export type LayerName = keyof typeof benchLayers;

export const layerNames = Object.keys(benchLayers) as readonly LayerName[];
