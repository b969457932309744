import { tensorSchedules, type TensorSchedule } from '@scmoe/layer';

import { wholeNumber, realNumber } from './parsers.js';
import { type OptionGroup, optionsOf } from './OptionGroup.js';
import { overlapRows } from './overlapOptions.js';

/** How the ranks of a run work together; without a launcher there is one. */
export interface RankOptions {
  /** Ranks that share the experts of a model; by default all. */
  expertParallel?: number;
  /** Neighbours that have the same tokens, and a slice each of attentions and MLPs. */
  tensorParallel: number;
  /** Neighbours that hold a slice each of the same experts. */
  expertShards: number;
  /** How the tokens of a tensor-parallel group come to their experts. */
  tensorSchedule: TensorSchedule | 'auto';
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
        '--tensor-parallel <n>',
        'neighbouring ranks with the same tokens, of which each has a slice of attentions, MLPs and shared experts',
        (o) => o.argParser(wholeNumber(1)).default(1),
      ],
      [
        '--expert-shards <n>',
        'neighbouring ranks that hold a slice each of the same experts: for fewer experts than ranks',
        (o) => o.argParser(wholeNumber(1)).default(1),
      ],
      [
        '--tensor-schedule <how>',
        'of the tokens that a tensor-parallel group has in common, what each rank sends to the experts: its share, and what comes back is gathered (s1); its share of the packed rows of all, which are gathered (s2), piece by piece while others are on their way (s2-fused); all, where the experts are in as many slices (base); or what is quickest in each layer by collectives that are measured at the start (auto)',
        (o) => o.choices([...tensorSchedules, 'auto']).default('s1'),
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
