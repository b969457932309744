import type { PromptOverlapMode } from '@scmoe/layer';
import { InvalidArgumentError } from 'commander';

import { type OptionGroup, optionsOf } from './OptionGroup.js';
import { realNumber } from './parsers.js';

/** How ranks that a launcher has started generate together. */
export interface GenerationRankFlags {
  /** Seconds that ranks wait for each other. */
  rankTimeout: number;
  overlap: PromptOverlapMode;
}

/** The options of `GenerationRankFlags`. */
export function generationRankOptions(): OptionGroup {
  return {
    title: 'Several ranks, which share the experts out (see scmoe launch)',
    options: optionsOf([
      [
        '--rank-timeout <s>',
        'how long ranks wait for each other, in seconds',
        (o) => o.argParser(realNumber(0, { exclusive: true })).default(300),
      ],
      [
        '--overlap <slot>',
        "how a prompt's tokens travel while the backbone works: 'middle', 'off', or how many backbone operators come before the experts",
        (o) => o.argParser(overlap).default('middle'),
      ],
    ]),
  };
}

function overlap(text: string): PromptOverlapMode {
  if (text === 'middle' || text === 'off') return text;
  const slot = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(slot) && slot >= 0) return slot;
  throw new InvalidArgumentError("Expected 'middle', 'off' or a whole number of at least 0.");
}
