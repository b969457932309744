import { UserError } from '@scmoe/errors';
import { Command, CommanderError } from 'commander';

import { evalCommand } from './commands/eval.js';
import { generateCommand } from './commands/generate.js';
import { trainCommand } from './commands/train.js';
import { applyConfigFile } from './options/configFile.js';
import type { Terminal } from './Terminal.js';

/**
 * Runs one command line.
 *
 * @returns the exit code: 0, 1 for a run that failed, 2 for a command line that is wrong, 130 after Ctrl-C
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const program = new Command('lm-train')
    .description('Trains, evaluates and samples GPT-style language models with shortcut-connected mixtures of experts.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
    })
    .showHelpAfterError('(--help lists the options)')
    .hook('preAction', (_program, command) => applyConfigFile(command));
  for (const make of [trainCommand, evalCommand, generateCommand]) {
    // Commands made elsewhere don't inherit these settings by themselves.
    program.addCommand(make(terminal, (code) => (exitCode = code)).copyInheritedSettings(program));
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof UserError)) throw error;
    terminal.err.write(`lm-train: ${error.message}\n`);
    return error.exitCode;
  }
}
