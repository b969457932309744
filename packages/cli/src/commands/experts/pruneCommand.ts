import type { Terminal } from '@scmoe/comm/launch';
import type { PruneCriterion, PruneMode } from '@scmoe/experts';
import { Command, Option } from 'commander';

import { wholeNumber } from '../parsers.js';

interface Options {
  readonly prune: number;
  readonly out?: string;
  readonly criterion?: PruneCriterion;
  readonly before?: string;
  readonly text?: string;
  readonly batches: number;
  readonly ranks?: number;
  readonly mode: PruneMode;
  readonly randomDraws: number;
  readonly seed: number;
  readonly threads?: number;
}

/** `scmoe experts prune`: takes experts out of a checkpoint, and says what that costs. */
export function pruneCommand(terminal: Terminal): Command {
  return new Command('prune')
    .description('Takes experts out of a checkpoint, of every layer as many, and measures what that costs.')
    .argument('<checkpoint>', 'checkpoint or run folder, or a folder of Hugging Face transformers')
    .requiredOption('--prune <n>', 'experts to remove of each layer', wholeNumber(0))
    .option('-o, --out <folder>', 'folder to write, of the same form, which must not exist (default: only measures)')
    .addOption(
      // Written out: the package that has the list is loaded when the command runs.
      new Option('--criterion <name>', 'what experts are kept by (default: reap; routerNorm with --before)').choices([
        'reap',
        'frequency',
        'activationNorm',
        'routerNorm',
        'random',
      ]),
    )
    .option(
      '--before <checkpoint>',
      'earlier checkpoint of the model, for routerNorm: experts whose router has grown stay',
    )
    .option(
      '--text <path>',
      "text file or folder, to measure experts on its first part and losses on its last (default: the run's)",
    )
    .option('--batches <n>', 'batches of each part, spread evenly over it; 0: all', wholeNumber(0), 20)
    .option('--ranks <n>', 'keep a multiple of so many, for as many ranks to share', wholeNumber(1))
    .addOption(
      new Option(
        '--mode <name>',
        'remove: as if never there; zero: chosen as before, with nothing to say (a measure only)',
      )
        .choices(['remove', 'zero'])
        .default('remove'),
    )
    .option('--random-draws <n>', 'random removals of as many, to compare with', wholeNumber(0), 3)
    .option('--seed <n>', 'seed of what is random', wholeNumber(0), 1)
    .option('--threads <n>', 'threads (default: one for each core)', wholeNumber(1, 1024))
    .action(async (checkpoint: string, { threads, ...options }: Options) => {
      // Here and not above: the other commands need no tensors.
      const { pruneExperts, pruneLines, startBackend } = await import('@scmoe/experts');
      terminal.out.write(`${await startBackend({ threads })}\n`);
      const report = await pruneExperts({ checkpoint, ...options });
      terminal.out.write(`${pruneLines(report).join('\n')}\n`);
    });
}
