import { expectThat } from '@scmoe/errors';

import type { ChunkCut } from '../axes/chunkAxes.js';
import { stageGraph, type StageKind } from '../graph/stageGraphs.js';

/** What a plan of a stage has to fit. */
export interface PlanLimits {
  readonly expertsPerRank: number;
  readonly numTokens?: number | undefined;
}

/**
 * Checks that a stage can follow a plan.
 *
 * @throws ArgumentError naming the option that does not fit: a slot that the stage lacks, parts that do not divide the experts of a
 *   rank or are more than its tokens, halves of a stage that leaves something pending
 */
export function expectPlan(
  stage: StageKind,
  { slot, chunks, expertChunks, halves }: ChunkCut & { readonly slot: number },
  { expertsPerRank, numTokens = Infinity }: PlanLimits,
): void {
  const { numSlots, operators } = stageGraph(stage);
  expectThat(slot < numSlots, 'slot', `0 to ${numSlots - 1} for ${stage}`, slot);
  expectThat(chunks <= numTokens, 'chunks', `at most the ${numTokens} tokens of a rank`, chunks);
  const held =
    expertsPerRank === 1 ? '1: a rank holds one expert' : `a divisor of the ${expertsPerRank} experts of a rank`;
  expectThat(expertsPerRank % expertChunks === 0, 'expertChunks', held, expertChunks);
  const leavesPending = operators.some(({ kind }) => kind === 'join');
  const why = leavesPending
    ? `1 for ${stage}, which leaves its routed output to the next stage`
    : '1 for a single token';
  expectThat(halves === 1 || (numTokens > 1 && !leavesPending), 'halves', why, halves);
}
