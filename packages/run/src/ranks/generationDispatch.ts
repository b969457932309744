import { ExpertParallelDispatcher, promptOverlap } from '@scmoe/layer';
import type { DispatchOptions } from '@scmoe/models';

import type { GenerationRankFlags } from '../options/generationRankOptions.js';
import type { Ranks } from './joinRanks.js';

/** How the tokens of a text come to the experts of other ranks when all of them generate it; nothing where there are none. */
export function generationDispatch(
  { numExperts }: { numExperts: number },
  { overlap }: Pick<GenerationRankFlags, 'overlap'>,
  { groups }: Pick<Ranks, 'groups'>,
): Pick<DispatchOptions, 'dispatcher' | 'overlap'> {
  if (!groups || numExperts === 0) return {};
  const dispatcher = new ExpertParallelDispatcher({ communicator: groups.experts, numExperts });
  return { dispatcher, overlap: promptOverlap(overlap) };
}
