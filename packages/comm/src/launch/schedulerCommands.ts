import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { Command } from 'commander';

import { LaunchError } from './LaunchError.js';
import type { Terminal } from './Terminal.js';

/** What `@scmoe/scheduler/commands` offers. This package doesn't import it, for it works without. */
interface SchedulerCommands {
  readonly runCommand: (args: readonly string[], terminal: Terminal) => Promise<number>;
}

const moduleName = '@scmoe/scheduler/commands';

const descriptions = {
  timeline: 'Draws the trace of a step and shows what of its communication was hidden (@scmoe/scheduler).',
  simulate: 'Predicts step time and hidden communication on a cluster that is described (@scmoe/scheduler).',
};

/** Adds `scmoe timeline` and `scmoe simulate`, which belong to another package and are looked for when they are run. */
export function addSchedulerCommands(program: Command, terminal: Terminal, setExitCode: (code: number) => void): void {
  for (const [name, description] of Object.entries(descriptions)) {
    const command = new Command(name)
      .description(description)
      .argument('[args...]')
      .copyInheritedSettings(program)
      // All options are the other package's, --help among them.
      .helpOption(false)
      .allowUnknownOption()
      .passThroughOptions()
      .action(async (args: string[]) => {
        const { runCommand } = await loadCommands([join(process.cwd(), 'scmoe.js'), import.meta.url]);
        setExitCode(await runCommand([name, ...args], terminal));
      });
    program.addCommand(command);
  }
}

/**
 * Finds the commands as a module at one of these places would: where the program is being run, or else beside this
 * package.
 *
 * @throws LaunchError that says what to install where they are in none
 */
export async function loadCommands(places: readonly string[]): Promise<SchedulerCommands> {
  for (const from of places) {
    let path: string;
    try {
      path = createRequire(from).resolve(moduleName);
    } catch (error) {
      // The package may be there in a version without commands, which is not found either.
      if (isNotFound(error)) continue;
      throw error;
    }
    return (await import(pathToFileURL(path).href)) as SchedulerCommands;
  }
  throw new LaunchError(
    'This command is part of @scmoe/scheduler, which is installed neither here nor beside @scmoe/comm: ' +
      'npm install @scmoe/scheduler',
  );
}

function isNotFound(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_PATH_NOT_EXPORTED';
}
