import { Command, CommanderError } from 'commander';

import { PlaceError } from '../place/PlaceError.js';
import { RendezvousError } from '../rendezvous/RendezvousError.js';
import { enginesCommand } from './enginesCommand.js';
import { flightRecorderCommand } from './flightRecorderCommand.js';
import { launchCommand } from './launchCommand.js';
import { LaunchError } from './LaunchError.js';
import { addSchedulerCommands } from './schedulerCommands.js';
import type { Terminal } from './Terminal.js';

/**
 * Runs one command line.
 *
 * @returns the exit code: 0, that of a launched run, 1 for what failed before, 2 for a command line that is wrong
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const program = new Command('scmoe')
    .description('Runs programs as several ranks.')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
    })
    .showHelpAfterError('(--help lists the options)');
  for (const make of [launchCommand, flightRecorderCommand, enginesCommand]) {
    // Commands made elsewhere don't inherit these settings by themselves.
    program.addCommand(make(terminal, (code) => (exitCode = code)).copyInheritedSettings(program));
  }
  addSchedulerCommands(program, terminal, (code) => (exitCode = code));
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof LaunchError) return report(terminal, error, error.exitCode);
    if (error instanceof RendezvousError || error instanceof PlaceError) return report(terminal, error, 1);
    throw error;
  }
}

function report(terminal: Terminal, error: Error, exitCode: number): number {
  terminal.err.write(`scmoe: ${error.message}\n`);
  return exitCode;
}
