import { splitModes, type GradientPlacing, type SplitMode } from '@scmoe/layer';
import { InvalidArgumentError } from 'commander';

import { wholeNumber } from './parsers.js';
import type { OptionRow } from './OptionGroup.js';

/** The order in which the operators of a stage run beside its exchanges, and what is written down of it. */
export interface OverlapOptions {
  overlap: 'auto' | 'off' | number;
  chunks: number | 'auto';
  expertChunks: number | 'auto';
  backwardChunks?: number | 'auto';
  backwardExpertChunks?: number | 'auto';
  placeGradients?: GradientPlacing;
  split: 'off' | SplitMode;
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
  [
    '--chunks <n>',
    "chunks in which the tokens travel, each way; 'auto' chooses 1 to 4 of them, by which last bits of expert gradients change",
    (o) => o.argParser(chunks).default(1),
  ],
  [
    '--expert-chunks <n>',
    "chunks of each rank's experts whose tokens travel apart, a divisor of those; changes no bit (default with --overlap auto: auto)",
    (o) => o.argParser(chunks).default('auto'),
  ],
  [
    '--backward-chunks <n>',
    'chunks in which gradients of the tokens travel, by which last bits of expert gradients change (default: as --chunks)',
    (o) => o.argParser(chunks),
  ],
  [
    '--backward-expert-chunks <n>',
    "chunks of each rank's experts whose gradients travel apart, a divisor of those; changes no bit (default: auto where --expert-chunks is, else as that)",
    (o) => o.argParser(chunks),
  ],
  [
    '--place-gradients <when>',
    "averages gradients in parts, between the exchanges of the backward pass: 'auto' keeps that where steps are measured to be shorter, 'on', or 'off', all as soon as they are there; changes no bit over Gloo",
    (o) => o.choices(['auto', 'on', 'off']).default('auto'),
  ],
  [
    '--split <axis>',
    "two halves of the batch, or of each sequence in its order, of which one computes while the other's tokens travel: 'off', 'batch', 'sequence', or 'auto', which chooses; last bits of gradients change",
    (o) => o.choices(['off', ...splitModes]).default('off'),
  ],
  ['--trace <file>', 'write what every rank did when, for scmoe timeline, Perfetto or chrome://tracing'],
  ['--trace-steps <n>', 'steps in the trace, the last ones', (o) => o.argParser(wholeNumber(1)).default(2)],
];

function chunks(text: string): number | 'auto' {
  if (text === 'auto') return text;
  const number = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(number) && number >= 1) return number;
  throw new InvalidArgumentError("Expected 'auto' or a whole number of at least 1.");
}

function overlap(text: string): OverlapOptions['overlap'] {
  if (text === 'auto' || text === 'off') return text;
  const slot = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(slot) && slot >= 0) return slot;
  throw new InvalidArgumentError("Expected 'auto', 'off' or a whole number of at least 0.");
}
