import type { Terminal } from '@scmoe/comm/launch';
import type { PlaceObjective } from '@scmoe/experts';
import { Command, Option } from 'commander';

import { wholeNumber } from '../parsers.js';

interface Options {
  readonly texts: readonly string[];
  readonly objective: PlaceObjective;
  readonly nodes: number;
  readonly out?: string;
  readonly batches: number;
  readonly threads?: number;
}

/** `scmoe experts place`: chooses which rank has which experts, by what the text of each rank asks for. */
export function placeCommand(terminal: Terminal): Command {
  return new Command('place')
    .description('Puts experts onto the ranks whose text asks for them, and says what of the exchange that saves.')
    .argument('<checkpoint>', 'checkpoint or run folder')
    .requiredOption('--texts <paths...>', 'text file or folder of each rank, in the order of the ranks')
    .addOption(
      new Option(
        '--objective <name>',
        'home: rows stay on the rank of their token; load: the fullest rank has little; coChoice: experts chosen together are together; interLayer: tokens stay on a rank from layer to layer',
      )
        .choices(['home', 'load', 'coChoice', 'interLayer'])
        .default('home'),
    )
    .option('--nodes <n>', 'nodes that the ranks are on, as many on each: experts go to nodes first', wholeNumber(1), 1)
    .option('-o, --out <folder>', 'run folder to write if there is a gain; it must not exist (default: only measures)')
    .option('--batches <n>', 'batches of each part of a text, spread evenly over it; 0: all', wholeNumber(0), 20)
    .option('--threads <n>', 'threads (default: one for each core)', wholeNumber(1, 1024))
    .action(async (checkpoint: string, { threads, ...options }: Options) => {
      // Here and not above: the other commands need no tensors.
      const { placeExperts, placeLines, startBackend } = await import('@scmoe/experts');
      terminal.out.write(`${await startBackend({ threads })}\n`);
      const report = await placeExperts({ checkpoint, ...options });
      terminal.out.write(`${placeLines(report).join('\n')}\n`);
    });
}
