import type { Terminal } from '@scmoe/comm/launch';
import { Command } from 'commander';

/** `scmoe experts pack`: lays the experts of a checkpoint out for reading them while the model runs. */
export function packCommand(terminal: Terminal): Command {
  return new Command('pack')
    .description(
      'Packs the experts of a model so that each is one read, for `--expert-store` of serve, generate and eval.',
    )
    .argument(
      '<checkpoint>',
      'checkpoint or run folder, or a folder of Hugging Face transformers; it stays as it is, and is needed for all but the experts',
    )
    .requiredOption('-o, --out <folder>', 'folder to write, which must not exist')
    .action(async (checkpoint: string, { out }: { out: string }) => {
      // Here and not above: the other commands need no tensors.
      const { packExperts, packLines } = await import('@scmoe/experts');
      terminal.out.write(`${packLines(await packExperts({ checkpoint, out })).join('\n')}\n`);
    });
}
