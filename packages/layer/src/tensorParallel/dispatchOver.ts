import type { FactoredRanks } from '@scmoe/comm';
import { expectOneOf, expectThat } from '@scmoe/errors';

import type { Dispatcher } from '../moe/Dispatcher.js';
import { ExpertParallelDispatcher } from '../moe/ExpertParallelDispatcher.js';
import { AllTokensDispatcher } from './AllTokensDispatcher.js';
import { TensorGroup } from './TensorGroup.js';

/**
 * How the tokens that a tensor-parallel group has in common come to their experts (the schedules of Parm, arXiv 2407.00599).
 * `base`: every rank sends all of them to the ranks that hold the same slice of the experts, and the tokens that come back are
 * added up over the group. `s1`: every rank sends its share of them, and what comes back is gathered.
 */
export const tensorSchedules = ['base', 's1'] as const;
/** One of `tensorSchedules`. */
export type TensorSchedule = (typeof tensorSchedules)[number];

/** What a pass over several ranks is given. */
export interface RankPass {
  /** Brings tokens to the experts; absent where there are none. */
  dispatcher?: Dispatcher;
  /** The tensor-parallel group; absent where every rank has tokens of its own. */
  tensor?: TensorGroup;
}

/**
 * What brings tokens to experts that are shared out over groups of ranks, and what holds the slices of a layer together.
 *
 * @param ranks the groups, with `peers` for the schedule `base`
 * @param options `numExperts`: those of all ranks together; 0 for a model without. `schedule`: `s1` by default
 * @throws ArgumentError for `base` where the experts are not in as many slices as a tensor-parallel group has ranks
 */
export function dispatchOver(
  ranks: FactoredRanks,
  { numExperts, schedule = 's1' }: { numExperts: number; schedule?: TensorSchedule },
): RankPass {
  expectOneOf('schedule', schedule, tensorSchedules);
  const { experts, expertShards: shards, peers } = ranks;
  const tensor = ranks.tensor && new TensorGroup(ranks.tensor);
  const withTensor = tensor && { tensor };
  if (numExperts === 0) return { ...withTensor };
  if (!tensor || schedule === 's1')
    return { dispatcher: new ExpertParallelDispatcher({ communicator: experts, numExperts, shards }), ...withTensor };
  const isSliced = shards === tensor.size && peers !== undefined;
  expectThat(isSliced, 'expertShards', `the ${tensor.size} ranks of a tensor-parallel group for schedule base`, shards);
  const inner = new ExpertParallelDispatcher({ communicator: peers, numExperts });
  return { dispatcher: new AllTokensDispatcher(inner, tensor), tensor };
}
