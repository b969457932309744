import { isHiddenMatrix } from '@scmoe/models';
import { AdamW, Muon } from '@scmoe/tensor';
import { AveragedOptimizer, type Optimizer } from '@scmoe/trainer';

import type { LoopSettings } from '../options/trainingOptions.js';

/** The optimizer that the settings name. */
export function createOptimizer({
  optimizer,
  weightDecay,
  averageDecay,
}: Pick<LoopSettings, 'optimizer' | 'weightDecay' | 'averageDecay'>): Optimizer {
  const plain = optimizer === 'muon' ? new Muon({ weightDecay, matrices: isHiddenMatrix }) : new AdamW({ weightDecay });
  // Checkpoints of before there was an average have no decay.
  return averageDecay > 0 ? new AveragedOptimizer(plain, averageDecay) : plain;
}
