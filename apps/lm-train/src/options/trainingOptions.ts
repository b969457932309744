import { type Command, Option } from 'commander';

import { realNumber, wholeNumber } from './parsers.js';

export interface TrainingOptions {
  data?: string;
  tokenizer: string;
  validationFraction: number;
  batchSize: number;
  accumulate?: number;
  steps?: number;
  minutes?: number;
  lr: number;
  minLr?: number;
  warmup?: number;
  weightDecay: number;
  clip: number;
  biasUpdateRate: number;
  seed: number;
  evalEvery: number;
  evalBatches: number;
  saveEvery: number;
  keep: number;
}

/** Time that a run takes where neither --steps nor --minutes is given. */
export const defaultMinutes = 3;

const dataOptions: [flags: string, description: string, configure: (option: Option) => Option][] = [
  [
    '--data <path>',
    "text file or folder (default: the TypeScript declarations in this project's node_modules)",
    (o) => o,
  ],
  [
    '--tokenizer <name>',
    'byte, character, gpt2, or the path of a Hugging Face tokenizer.json',
    (o) => o.default('byte'),
  ],
  [
    '--validation-fraction <x>',
    'share of the text, at its end, that is kept for validation',
    (o) => o.argParser(realNumber(0, { exclusive: true, maximum: 0.9 })).default(0.1),
  ],
];

const loopOptions: typeof dataOptions = [
  ['--batch-size <n>', 'sequences per micro-batch', (o) => o.argParser(wholeNumber(1)).default(4)],
  [
    '--accumulate <n>',
    'micro-batches per update, shared out over the ranks (default: one per rank)',
    (o) => o.argParser(wholeNumber(1)),
  ],
  [
    '--steps <n>',
    'updates (default: as many as fit in --minutes, measured before the start)',
    (o) => o.argParser(wholeNumber(1)),
  ],
  [
    '--minutes <x>',
    `time to train (default: ${defaultMinutes} without --steps); with --steps, stops after so long at the latest`,
    (o) => o.argParser(realNumber(0, { exclusive: true })),
  ],
  ['--lr <x>', 'peak learning rate', (o) => o.argParser(realNumber(0, { exclusive: true })).default(2e-3)],
  ['--min-lr <x>', 'learning rate at the end (default: a tenth of --lr)', (o) => o.argParser(realNumber(0))],
  [
    '--warmup <n>',
    'updates until the peak (default: a twentieth of --steps, at most 100)',
    (o) => o.argParser(wholeNumber(0)),
  ],
  ['--weight-decay <x>', 'decay of matrices', (o) => o.argParser(realNumber(0)).default(0.1)],
  ['--clip <x>', 'largest norm of the gradient; 0: no clipping', (o) => o.argParser(realNumber(0)).default(1)],
  [
    '--bias-update-rate <x>',
    'how far --correction-bias moves a bias after a step',
    (o) => o.argParser(realNumber(0, { exclusive: true })).default(0.001),
  ],
  ['--seed <n>', 'seed of everything random', (o) => o.argParser(wholeNumber(0)).default(1)],
  [
    '--eval-every <n>',
    'updates between evaluations; 0: only at the end',
    (o) => o.argParser(wholeNumber(0)).default(100),
  ],
  [
    '--eval-batches <n>',
    'batches per evaluation, spread evenly over the validation split; 0: all of it',
    (o) => o.argParser(wholeNumber(0)).default(10),
  ],
  [
    '--save-every <n>',
    'updates between checkpoints; 0: only at the end',
    (o) => o.argParser(wholeNumber(0)).default(200),
  ],
  ['--keep <n>', 'checkpoints kept, the newest ones; 0: all', (o) => o.argParser(wholeNumber(0)).default(2)],
];

export function addTrainingOptions(command: Command): Command {
  for (const [group, table] of [
    ['Data:', dataOptions],
    ['Training:', loopOptions],
  ] as const) {
    for (const [flags, description, configure] of table) {
      command.addOption(configure(new Option(flags, description)).helpGroup(group));
    }
  }
  return command;
}

/** Names of the options of `TrainingOptions`. */
export const trainingOptionNames = [...dataOptions, ...loopOptions].map(([flags]) => new Option(flags).attributeName());
