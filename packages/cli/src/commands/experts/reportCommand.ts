import type { Terminal } from '@scmoe/comm/launch';
import { Command } from 'commander';

import { wholeNumber } from '../parsers.js';

interface Options {
  readonly text?: string;
  readonly batches: number;
  readonly output: string;
  readonly json?: string;
  readonly threads?: number;
}

/** `scmoe experts report`: what the experts of a model do with a text, as a page. */
export function reportCommand(terminal: Terminal): Command {
  return new Command('report')
    .description(
      'Shows what the experts of a language model do with a text: load, weights, likeness, which tokens go where.',
    )
    .argument('<model>', 'checkpoint or run folder, or a folder of Hugging Face transformers')
    .option('--text <path>', 'text file or folder (default: what the run has validated on)')
    .option('--batches <n>', 'batches, spread evenly over the text; 0: all', wholeNumber(0), 20)
    .option('-o, --output <file>', 'page to write, one file with its pictures', 'experts.html')
    .option('--json <file>', 'the same as numbers')
    .option('--threads <n>', 'threads (default: one for each core)', wholeNumber(1, 1024))
    .action(async (model: string, { threads, output, ...options }: Options) => {
      // Here and not above: the other commands need no tensors.
      const { reportExperts, reportLines, startBackend } = await import('@scmoe/experts');
      terminal.out.write(`${await startBackend({ threads })}\n`);
      const report = await reportExperts({ model, html: output, ...options });
      terminal.out.write(`${[...reportLines(report), `page: ${output}`].join('\n')}\n`);
    });
}
