import type { StageKind } from '../graph/stageGraphs.js';

/** A stage and how it is run. */
export interface Contender {
  readonly name: string;
  readonly stage: StageKind;
  /** Routed experts of a token; a shared expert comes on top. */
  readonly topK: number;
  readonly mode: 'sequential' | 'pipelined' | 'overlapped';
}

/** The first is what speed-ups are against: the standard top-2 layer, not pipelined. */
export const contenders: readonly [Contender, ...Contender[]] = [
  { name: 'top-2', stage: 'standard', topK: 2, mode: 'sequential' },
  { name: 'top-2 pipelined', stage: 'standard', topK: 2, mode: 'pipelined' },
  { name: 'shared expert', stage: 'shared', topK: 1, mode: 'sequential' },
  { name: 'shared expert overlapped', stage: 'shared', topK: 1, mode: 'overlapped' },
  { name: 'ScMoE pos2 sequential', stage: 'pos2', topK: 1, mode: 'sequential' },
  { name: 'ScMoE pos1', stage: 'pos1', topK: 1, mode: 'overlapped' },
  { name: 'ScMoE pos2', stage: 'pos2', topK: 1, mode: 'overlapped' },
  { name: 'ScMoE pos3', stage: 'pos3', topK: 1, mode: 'overlapped' },
  { name: 'ScMoE-2', stage: 'pos2', topK: 2, mode: 'overlapped' },
  { name: 'FarSkip', stage: 'farskip', topK: 1, mode: 'overlapped' },
  { name: 'LongCat', stage: 'longcat', topK: 1, mode: 'overlapped' },
];
