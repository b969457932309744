import { wholeNumber, realNumber } from './parsers.js';
import { type OptionGroup, optionsOf } from './OptionGroup.js';
import { overlapRows } from './overlapOptions.js';

/** How the ranks of a run work together; without a launcher there is one. */
export interface RankOptions {
  /** Ranks that share the experts of a model; by default all. */
  expertParallel?: number;
  /** Seconds that ranks wait for each other. */
  rankTimeout: number;
}

/** The options of `RankOptions` and `OverlapOptions`. */
export function rankOptions(): OptionGroup {
  return {
    title: 'Several ranks (see scmoe launch)',
    options: optionsOf([
      [
        '--expert-parallel <n>',
        'ranks that share the experts of a model (default: all)',
        (o) => o.argParser(wholeNumber(1)),
      ],
      [
        '--rank-timeout <s>',
        'how long ranks wait for each other, in seconds',
        (o) => o.argParser(realNumber(0, { exclusive: true })).default(300),
      ],
      ...overlapRows,
    ]),
  };
}
