import { InvalidArgumentError } from 'commander';

import { wholeNumber } from './parsers.js';
import type { OptionRow } from './OptionGroup.js';

/** The order in which the operators of a stage run beside its exchanges, and what is written down of it. */
export interface OverlapOptions {
  overlap: 'auto' | 'off' | number;
  chunks: number;
  trace?: string;
  traceSteps: number;
}

/** The options of `OverlapOptions`. */
export const overlapRows: OptionRow[] = [
  [
    '--overlap <slot>',
    "how tokens travel while the backbone works: 'auto' measures and chooses, 'off', or how many backbone operators come before the experts",
    (o) => o.argParser(overlap).default('auto'),
  ],
  ['--chunks <n>', 'exchanges in which the tokens travel, each way', (o) => o.argParser(wholeNumber(1)).default(1)],
  ['--trace <file>', 'write what every rank did when, for scmoe timeline, Perfetto or chrome://tracing'],
  ['--trace-steps <n>', 'steps in the trace, the last ones', (o) => o.argParser(wholeNumber(1)).default(2)],
];

function overlap(text: string): OverlapOptions['overlap'] {
  if (text === 'auto' || text === 'off') return text;
  const slot = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(slot) && slot >= 0) return slot;
  throw new InvalidArgumentError("Expected 'auto', 'off' or a whole number of at least 0.");
}
