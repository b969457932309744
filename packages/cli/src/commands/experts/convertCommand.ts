import type { Terminal } from '@scmoe/comm/launch';
import type { ConvertFormat, ConvertMethod } from '@scmoe/experts';
import { Command, Option } from 'commander';

import { realNumber, wholeNumber } from '../parsers.js';

interface Options {
  readonly out?: string;
  readonly method?: ConvertMethod;
  readonly kind?: 'top1' | 'top2' | 'standard' | 'shared' | 'scmoe';
  readonly numExperts?: number;
  readonly topK?: number;
  readonly placement?: 'pairs' | 'every';
  readonly noise?: number;
  readonly reinitialize?: number;
  readonly domains?: readonly string[];
  readonly width?: number;
  readonly sharedWidth?: number;
  readonly format: ConvertFormat;
  readonly text?: string;
  readonly batches: number;
  readonly seed: number;
  readonly threads?: number;
}

/** `scmoe experts convert`: makes a model with experts of a dense one. */
export function convertCommand(terminal: Terminal): Command {
  return new Command('convert')
    .description('Makes a model with experts of a dense one: copies of its MLPs, or the channels that domains need.')
    .argument('<model>', 'dense checkpoint or run folder, or a folder of Hugging Face transformers')
    .option('-o, --out <folder>', 'folder to write, which must not exist (default: only measures)')
    .addOption(
      new Option(
        '--method <name>',
        'copies: every expert is the whole MLP; channels: those that are most active on the text of a domain (default: channels with --domains)',
      ).choices(['copies', 'channels']),
    )
    .addOption(
      new Option('--kind <name>', 'blocks with experts (default: scmoe; of channels shared, or standard)').choices([
        ...['top1', 'top2', 'standard', 'shared', 'scmoe'],
      ]),
    )
    .option('--num-experts <n>', 'experts of each layer (default: 8; of channels one for each domain)', wholeNumber(1))
    .option('--top-k <n>', "experts of a token (default: the kind's; of channels 2)", wholeNumber(1))
    .addOption(
      new Option(
        '--placement <name>',
        "experts in every second block or in every block (default: the model's)",
      ).choices(['pairs', 'every']),
    )
    .option(
      '--noise <x>',
      'added to the matrices of each copy, in units of their deviation (default: exact copies)',
      realNumber(0),
    )
    .option(
      '--reinitialize <share>',
      "share of each copy's channels that are drawn anew (default: none)",
      realNumber(0, 1),
    )
    .option('--domains <paths...>', 'text file or folder of each domain, one expert for each')
    .option('--width <share>', "share of the MLP's channels that a domain has (default: 0.5)", realNumber(0, 1))
    .option(
      '--shared-width <n>',
      'channels of the shared expert (default: all that the domains have in common in every layer)',
      wholeNumber(0),
    )
    .addOption(
      new Option('--format <name>', 'run: a run folder that lm-train trains on; transformers: one of Hugging Face')
        .choices(['run', 'transformers'])
        .default('run'),
    )
    .option('--text <path>', "text to measure losses on its last part (default: the run's, or the domains')")
    .option('--batches <n>', 'batches of each text, spread evenly over it; 0: all', wholeNumber(0), 20)
    .option('--seed <n>', 'seed of what is random', wholeNumber(0), 1)
    .option('--threads <n>', 'threads (default: one for each core)', wholeNumber(1, 1024))
    .action(async (model: string, { threads, kind, numExperts, topK, ...options }: Options) => {
      // Here and not above: the other commands need no tensors.
      const { convertExperts, convertLines, startBackend } = await import('@scmoe/experts');
      terminal.out.write(`${await startBackend({ threads })}\n`);
      const moe = { ...(kind && { kind }), ...(numExperts && { numExperts }), ...(topK && { topK }) };
      const report = await convertExperts({ model, moe, ...options });
      terminal.out.write(`${convertLines(report).join('\n')}\n`);
    });
}
