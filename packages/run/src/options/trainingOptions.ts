import { correctionBiasOptions, type CorrectionBiasConfig } from '@scmoe/gating';
import { type MomentFormat, momentFormats } from '@scmoe/tensor';

import { type OptionGroup, type OptionRow, optionsOf } from './OptionGroup.js';
import { realNumber, wholeNumber } from './parsers.js';
import { tableOptions } from './tableOptions.js';

/** Settings of the training loop, whatever is trained. Those of correction biases may be missing in an older checkpoint. */
export interface LoopSettings extends CorrectionBiasConfig {
  batchSize: number;
  accumulate?: number;
  /** What the losses of routers are taken of: each micro-batch, or the whole update as one batch. */
  lossesOver?: 'microBatch' | 'step';
  steps?: number;
  minutes?: number;
  optimizer: 'adamw' | 'muon';
  /** The format of AdamW's moments. Default, and that of older checkpoints: `float32`. */
  moments?: MomentFormat;
  lr: number;
  minLr?: number;
  warmup?: number;
  weightDecay: number;
  clip: number;
  averageDecay: number;
  seed: number;
  evalEvery: number;
  evalBatches: number;
  saveEvery: number;
  keep: number;
  keepBest?: number;
  keepEvery?: number;
  checkpoints?: 'shared' | 'local';
}

/** Time that a run has where neither --steps nor --minutes is given. */
export const defaultMinutes = 3;

/**
 * The options of `LoopSettings`.
 *
 * @param samples what a batch is made of, for the help: `sequences`
 * @param defaults values that suit the program better than those here
 */
export function trainingOptions(samples: string, defaults: Partial<LoopSettings> = {}): OptionGroup {
  const rows: OptionRow[] = [
    ['--batch-size <n>', `${samples} per micro-batch`, (o) => o.argParser(wholeNumber(1)).default(4)],
    [
      '--accumulate <n>',
      'micro-batches per update, shared out over the ranks (default: one per rank)',
      (o) => o.argParser(wholeNumber(1)),
    ],
    [
      '--losses-over <what>',
      'router losses of each micro-batch, or of a step as one batch: a forward pass more where a rank has several',
      (o) => o.choices(['microBatch', 'step']).default('microBatch'),
    ],
    [
      '--steps <n>',
      'updates, for a run that can be repeated bit for bit (default: as many as --minutes have room for)',
      (o) => o.argParser(wholeNumber(1)),
    ],
    [
      '--minutes <x>',
      `training time, by which the learning rate falls too; without start-up, evaluations and checkpoints (default: ${defaultMinutes}); with --steps, stops after so long at the latest, all included`,
      (o) => o.argParser(realNumber(0, { exclusive: true })),
    ],
    [
      '--optimizer <name>',
      'AdamW, or Muon for the matrices of the blocks and AdamW for all others',
      (o) => o.choices(['adamw', 'muon']).default('adamw'),
    ],
    [
      '--moments <format>',
      "what AdamW's two moments are kept in: bfloat16 takes half of their memory, and rounds at random by --seed (backend scmoe)",
      (o) => o.choices(momentFormats).default('float32'),
    ],
    ['--lr <x>', 'peak learning rate', (o) => o.argParser(realNumber(0, { exclusive: true })).default(2e-3)],
    ['--min-lr <x>', 'learning rate at the end (default: a tenth of --lr)', (o) => o.argParser(realNumber(0))],
    [
      '--warmup <n>',
      'updates until the peak (default: a twentieth of --steps, at most 100, or of the time)',
      (o) => o.argParser(wholeNumber(0)),
    ],
    ['--weight-decay <x>', 'decay of weights and tables', (o) => o.argParser(realNumber(0)).default(0.1)],
    ['--clip <x>', 'largest norm of the gradient; 0: no clipping', (o) => o.argParser(realNumber(0)).default(1)],
    [
      '--average-decay <x>',
      'decay of a moving average of the parameters, which evaluation and the trained model take; 0: none',
      (o) => o.argParser(realNumber(0, { maximum: 0.999999 })).default(0),
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
    [
      '--keep-best <n>',
      'checkpoints kept besides: those with the lowest validation loss, of steps that both evaluate and save',
      (o) => o.argParser(wholeNumber(0)).default(0),
    ],
    [
      '--keep-every <n>',
      'checkpoints kept besides: those whose step is a multiple of n; 0: none',
      (o) => o.argParser(wholeNumber(0)).default(0),
    ],
    [
      '--checkpoints <where>',
      "of several ranks: shared, in rank 0's run folder; or local, each rank's part in its own, on a disk that need be no other's",
      (o) => o.choices(['shared', 'local']).default('shared'),
    ],
  ];
  const options = [...optionsOf(rows), ...tableOptions(correctionBiasOptions)];
  for (const [name, value] of Object.entries(defaults)) {
    options.find((option) => option.attributeName() === name)?.default(value);
  }
  return { title: 'Training', options, fixed: ['batchSize', 'accumulate', 'optimizer', 'averageDecay', 'seed'] };
}
