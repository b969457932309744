import type { ChunkContext } from '../axes/ChunkAxis.js';
import type { StageKind } from '../graph/stageGraphs.js';
import type { Machine } from './Machine.js';
import type { RunKind } from './RunKind.js';

/** What a planner has to know of the parts of a stage on a machine. */
export function partContext(
  machine: Machine,
  { stage, topK }: { readonly stage: StageKind; readonly topK: number },
  kind: RunKind,
): Pick<ChunkContext, 'overhead' | 'expertOverhead' | 'overheadInHalves' | 'expertOverheadInHalves'> {
  const known = machine.partOverheads?.(stage, topK, kind) ?? machine;
  return {
    overhead: known.chunkOverhead,
    expertOverhead: known.expertChunkOverhead,
    overheadInHalves: known.chunkOverheadInHalves,
    expertOverheadInHalves: known.expertChunkOverheadInHalves,
  };
}
