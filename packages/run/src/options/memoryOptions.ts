import { keptExchanges, recomputeModes, type RecomputeOptions } from '@scmoe/models';

import { type OptionGroup, optionsOf } from './OptionGroup.js';

/** What a training step computes once more instead of keeping it. No settings: they change no bit of what is computed. */
export type MemoryOptions = Required<RecomputeOptions>;

/** The options of `MemoryOptions`. */
export function memoryOptions(): OptionGroup {
  return {
    title: 'Memory',
    options: optionsOf([
      [
        '--recompute <what>',
        'what a backward pass computes again instead of keeping it: nothing, the inside of attention, MLPs and experts, or whole blocks',
        (o) => o.choices(recomputeModes).default('off'),
      ],
      [
        '--keep-exchanges <which>',
        'of blocks that run again: whose exchanges between ranks happen once, what they brought being kept: all, those that nothing hides, or none (off)',
        (o) => o.choices(keptExchanges).default('all'),
      ],
    ]),
  };
}
