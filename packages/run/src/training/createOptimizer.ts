import { isHiddenMatrix } from '@scmoe/models';
import { AdamW, Muon } from '@scmoe/tensor';
import type { Optimizer } from '@scmoe/trainer';

import type { LoopSettings } from '../options/trainingOptions.js';

/** The optimizer that the settings name. */
export function createOptimizer({
  optimizer,
  weightDecay,
}: Pick<LoopSettings, 'optimizer' | 'weightDecay'>): Optimizer {
  return optimizer === 'muon' ? new Muon({ weightDecay, matrices: isHiddenMatrix }) : new AdamW({ weightDecay });
}
