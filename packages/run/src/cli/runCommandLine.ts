import { plainText, UserError } from '@scmoe/errors';
import { Command, type CommanderError } from 'commander';

import { applyConfigFile } from '../options/configFile.js';
import type { Terminal } from './Terminal.js';

/** Makes a command that writes to `terminal` and may end the program with another status than 0. */
export type MakeCommand = (terminal: Terminal, setExitCode: (code: number) => void) => Command;

/** A program with commands: its name, what it does in a sentence, and what makes each command. A single one need not be named. */
export interface CommandLine {
  name: string;
  description: string;
  commands: readonly MakeCommand[];
}

/**
 * Runs one command line. Options that a command's `--config` file names are applied before the command runs.
 *
 * @returns the exit code: 0, 1 for a run that failed, 2 for a command line that is wrong, or what the command has set
 */
export async function runCommandLine(
  { name, description, commands }: CommandLine,
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  let exitCode = 0;
  if (!hasWorkingDirectory()) {
    terminal.err.write(`${name}: the working directory is gone: change to one that is there.\n`);
    return 1;
  }
  const program = new Command(name)
    .description(description)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
    })
    .configureHelp({ minWidthToWrap: 20 })
    .showHelpAfterError('(--help lists the options)')
    .hook('preAction', (_program, command) => applyConfigFile(command));
  for (const make of commands) {
    // Commands made elsewhere don't inherit these settings by themselves.
    const command = make(terminal, (code) => (exitCode = code)).copyInheritedSettings(program);
    program.addCommand(command, { isDefault: commands.length === 1 });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (isCommanderError(error)) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof UserError)) throw error;
    terminal.err.write(`${name}: ${plainText(error.message)}\n`);
    return error.exitCode;
  }
}

/** What removes a folder leaves the shells and programs that are in it without one; paths can't be told from there. */
function hasWorkingDirectory(): boolean {
  try {
    return process.cwd() !== '';
  } catch {
    return false;
  }
}

/** Commands may come from another copy of commander than this one, with an error class of its own. */
function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.');
}

/** Runs the command line of this process on its standard streams, and sets the status that it will end with. */
export async function runProcess(commandLine: CommandLine): Promise<void> {
  const terminal: Terminal = { out: process.stdout, err: process.stderr };
  for (const stream of ['out', 'err'] as const) {
    terminal[stream].on('error', (error: NodeJS.ErrnoException) => {
      if (terminal.onLost) return terminal.onLost(stream, error);
      // A reader that has seen enough (`generate | head`) is no failure.
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
  process.exitCode = await runCommandLine(commandLine, process.argv.slice(2), terminal);
}
