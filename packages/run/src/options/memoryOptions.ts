import { keptExchanges, recomputeModes, type RecomputeOptions } from '@scmoe/models';

import { type OptionGroup, optionsOf } from './OptionGroup.js';
import { byteSize } from './parsers.js';

/** What a training step computes once more instead of keeping it. No settings: they change no bit of what is computed. */
export interface MemoryOptions extends RecomputeOptions {
  /** Bytes that the process of each rank may take; what is not given of the others is chosen by it. */
  memoryLimit?: number;
}

/** The options of `MemoryOptions`. */
export function memoryOptions(): OptionGroup {
  return {
    title: 'Memory',
    options: optionsOf([
      [
        '--recompute <what>',
        'what a backward pass computes again instead of keeping it: nothing, the inside of attention, MLPs and experts, or whole blocks (default: off; with --memory-limit what fits)',
        (o) => o.choices(recomputeModes),
      ],
      [
        '--keep-exchanges <which>',
        'of blocks that run again: whose exchanges between ranks happen once, what they brought being kept: all, those that nothing hides, or none (off) (default: all; with --memory-limit what fits)',
        (o) => o.choices(keptExchanges),
      ],
      [
        '--memory-limit <size>',
        'memory that the process of each rank may take, such as 600MiB: chooses the quickest of the above that is predicted to keep to it',
        (o) => o.argParser(byteSize),
      ],
    ]),
  };
}
