import type { Terminal } from '@scmoe/comm/launch';
import { plainText, ScmoeError, UserError } from '@scmoe/errors';
import { Command, CommanderError } from 'commander';

import { enginesCommand } from './commands/enginesCommand.js';
import { expertsCommand } from './commands/expertsCommand.js';
import { flightRecorderCommand } from './commands/flightRecorderCommand.js';
import { launchCommand } from './commands/launchCommand.js';
import { planCommand } from './commands/planCommand.js';
import { serveCommand } from './commands/serveCommand.js';
import { simulateCommand } from './commands/simulateCommand.js';
import { tensorFlowCommand } from './commands/tensorFlowCommand.js';
import { timelineCommand } from './commands/timelineCommand.js';
import { version } from './version.js';

/**
 * Runs one command line of `scmoe`, the name of the command first.
 *
 * @returns the exit code: 0, that of a launched run, 1 for what failed, 2 for a command line that is wrong
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const program = new Command('scmoe')
    .description(
      'Launches ranks, shows how their communication overlaps with computation, works on experts, and serves models.',
    )
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
    })
    .configureHelp({ minWidthToWrap: 20 })
    .version(version, '-V, --version', 'print the version')
    .showHelpAfterError('(--help lists the options)');
  const commands = [
    launchCommand(terminal, (code) => (exitCode = code)),
    ...[
      flightRecorderCommand,
      enginesCommand,
      timelineCommand,
      planCommand,
      simulateCommand,
      expertsCommand,
      serveCommand,
      tensorFlowCommand,
    ].map((make) => make(terminal)),
  ];
  // Commands made elsewhere don't inherit these settings by themselves.
  for (const command of commands) {
    for (const inner of command.commands) inner.copyInheritedSettings(program);
    program.addCommand(command.copyInheritedSettings(program));
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    // Whatever is no error of ours is a fault of the program, and keeps its stack.
    if (!(error instanceof ScmoeError)) throw error;
    terminal.err.write(`scmoe: ${plainText(error.message)}\n`);
    return error instanceof UserError ? error.exitCode : 1;
  }
}
