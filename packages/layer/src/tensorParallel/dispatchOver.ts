import type { FactoredRanks } from '@scmoe/comm';
import { expectOneOf, expectThat } from '@scmoe/errors';

import type { Dispatcher } from '../moe/Dispatcher.js';
import { ExpertParallelDispatcher } from '../moe/ExpertParallelDispatcher.js';
import { AllTokensDispatcher } from './AllTokensDispatcher.js';
import { RowSharesDispatcher } from './RowSharesDispatcher.js';
import { StageDispatchers } from './StageDispatchers.js';
import { TensorGroup } from './TensorGroup.js';

/**
 * How the tokens that a tensor-parallel group has in common come to their experts (the schedules of Parm, arXiv 2407.00599).
 * `base`: every rank sends all of them to the ranks that hold the same slice of the experts, and the tokens that come back are
 * added up over the group. `s1`: every rank sends its share of them, and what comes back is gathered. `s2`: every rank sends its
 * share of the packed rows of all, and the rows that come back are gathered before they are weighed. `s2-fused`: the same, each
 * piece of the rows gathered while the next is on its way, for groups whose links are others than those between groups.
 */
export const tensorSchedules = ['base', 's1', 's2', 's2-fused'] as const;
/** One of `tensorSchedules`. */
export type TensorSchedule = (typeof tensorSchedules)[number];

/** What a pass over several ranks is given. */
export interface RankPass {
  /** Brings tokens to the experts; absent where there are none. */
  dispatcher?: Dispatcher;
  /** The tensor-parallel group; absent where every rank has tokens of its own. */
  tensor?: TensorGroup;
}

/** What `dispatchOver` depends on besides the ranks. */
export interface DispatchOverOptions {
  /** Those of all ranks together; 0 for a model without. */
  numExperts: number;
  /** The schedule of all stages of a model, or of each of them by its number. Default: `s1`. */
  schedule?: TensorSchedule | readonly TensorSchedule[];
}

/**
 * What brings tokens to experts that are shared out over groups of ranks, and what holds the slices of a layer together.
 *
 * @param ranks the groups, with `peers` for the schedule `base`
 * @throws ArgumentError for `base` where the experts are not in as many slices as a tensor-parallel group has ranks
 */
export function dispatchOver(ranks: FactoredRanks, { numExperts, schedule = 's1' }: DispatchOverOptions): RankPass {
  const schedules = typeof schedule === 'string' ? [schedule] : schedule;
  for (const one of schedules) expectOneOf('schedule', one, tensorSchedules);
  const tensor = ranks.tensor && new TensorGroup(ranks.tensor);
  const withTensor = tensor && { tensor };
  if (numExperts === 0) return { ...withTensor };
  if (!tensor) return { dispatcher: dispatcherOf('s1', { ranks, numExperts }) };
  const made = new Map([...new Set(schedules)].map((one) => [one, dispatcherOf(one, { ranks, numExperts, tensor })]));
  if (typeof schedule === 'string') return { dispatcher: made.get(schedule)!, tensor };
  return { dispatcher: new StageDispatchers(schedules.map((one) => made.get(one)!)), tensor };
}

function dispatcherOf(
  schedule: TensorSchedule,
  { ranks, numExperts, tensor }: { ranks: FactoredRanks; numExperts: number; tensor?: TensorGroup },
): Dispatcher {
  const { experts, expertShards: shards, peers } = ranks;
  if (tensor && schedule === 'base') {
    const isSliced = shards === tensor.size && peers !== undefined;
    expectThat(
      isSliced,
      'expertShards',
      `the ${tensor.size} ranks of a tensor-parallel group for schedule base`,
      shards,
    );
    return new AllTokensDispatcher(new ExpertParallelDispatcher({ communicator: peers, numExperts }), tensor);
  }
  const isOfTensor = ranks.shards !== undefined && ranks.shards === ranks.tensor;
  const shardGroup = isOfTensor ? tensor : ranks.shards && new TensorGroup(ranks.shards);
  const whole = { communicator: experts, numExperts, shards, shardGroup };
  if (!tensor || schedule === 's1') return new ExpertParallelDispatcher(whole);
  return new RowSharesDispatcher({ ...whole, fused: schedule === 's2-fused' }, tensor);
}
