import { isExpertParameter, tensorAxis } from '@scmoe/layer';
import { isHiddenMatrix } from '@scmoe/models';
import { AdamW, Muon } from '@scmoe/tensor';
import { AveragedOptimizer, type Optimizer, type RankGroups, slicedMatrices } from '@scmoe/trainer';

import type { LoopSettings } from '../options/trainingOptions.js';

/**
 * The optimizer that the settings name.
 *
 * @param groups the ranks that train together, which may hold slices of matrices
 */
export function createOptimizer(
  { optimizer, weightDecay, averageDecay }: Pick<LoopSettings, 'optimizer' | 'weightDecay' | 'averageDecay'>,
  groups?: RankGroups,
): Optimizer {
  const plain = optimizer === 'muon' ? createMuon(weightDecay, groups) : new AdamW({ weightDecay });
  // Checkpoints of before there was an average have no decay.
  return averageDecay > 0 ? new AveragedOptimizer(plain, averageDecay) : plain;
}

function createMuon(weightDecay: number, groups: RankGroups | undefined): Muon {
  const slices = groups ? slicedMatrices(groups, { isSharded: isExpertParameter, slicedAxis: tensorAxis }) : [];
  return new Muon({ weightDecay, matrices: isHiddenMatrix, slices });
}
