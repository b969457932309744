import { ArgumentError } from '@scmoe/errors';
import { Command, CommanderError } from 'commander';

import { simulateCommand } from './simulateCommand.js';
import type { Terminal } from './Terminal.js';
import { timelineCommand } from './timelineCommand.js';

export type { Terminal } from './Terminal.js';

/** The commands of `scmoe` that this package brings. */
export const commandNames: readonly string[] = ['timeline', 'simulate'];

/**
 * Runs one command line, the name of the command first. The `scmoe` of `@scmoe/comm` calls it.
 *
 * @returns the exit code: 0, 1 for what failed, 2 for a command line that is wrong
 */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = new Command('scmoe')
    .description('Draws and predicts how communication overlaps with computation.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
    })
    .showHelpAfterError('(--help lists the options)');
  for (const make of [timelineCommand, simulateCommand]) {
    program.addCommand(make(terminal).copyInheritedSettings(program));
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof ArgumentError) {
      terminal.err.write(`scmoe: ${error.message}\n`);
      return 1;
    }
    throw error;
  }
}
