import { compression } from './compression.js';
import { fuzzyInContextRecall, type FuzzyRecallOptions } from './fuzzyInContextRecall.js';
import { inContextRecall } from './inContextRecall.js';
import type { MadTask, MadTaskName, MadTaskOptions } from './MadTask.js';
import { memorization } from './memorization.js';
import { noisyInContextRecall } from './noisyInContextRecall.js';
import type { NoisyRecallOptions } from './NoisyRecallOptions.js';
import { selectiveCopying, type SelectiveCopyingOptions } from './selectiveCopying.js';

/** Options of each task. */
export interface MadOptionsOf extends Record<MadTaskName, MadTaskOptions> {
  'fuzzy-in-context-recall': FuzzyRecallOptions;
  'noisy-in-context-recall': NoisyRecallOptions;
  'selective-copying': SelectiveCopyingOptions;
}

/** A task in the benchmark's baseline setting, changed by `options`. @throws UserError for an option that cannot be. */
export function createMadTask<Name extends MadTaskName>(name: Name, options: MadOptionsOf[Name] = {}): MadTask {
  const create: Record<MadTaskName, (options: MadOptionsOf[Name]) => MadTask> = {
    'in-context-recall': inContextRecall,
    'fuzzy-in-context-recall': fuzzyInContextRecall,
    'noisy-in-context-recall': noisyInContextRecall,
    'selective-copying': selectiveCopying,
    compression,
    memorization,
  };
  return create[name](options);
}
