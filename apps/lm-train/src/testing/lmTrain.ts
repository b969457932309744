import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runCommandLine } from '@scmoe/run';
import { type Outcome, runHere, type StartedProgram, startProgram, startProgramOn } from '@scmoe/testing';

import { commandLine } from '../commandLine.js';

const main = join(dirname(fileURLToPath(import.meta.url)), '..', 'main.ts');

/** Runs a command line in this process. */
export function lmTrain(...args: string[]): Promise<Outcome> {
  return runHere((terminal) => runCommandLine(commandLine, args, terminal));
}

/** Starts a command line as a process of its own, from source. */
export function startLmTrain(...args: string[]): StartedProgram {
  return startProgram(main, args);
}

/** Starts a command line on several ranks, as `scmoe launch` does. */
export function startRanks(ranks: number, ...args: string[]): StartedProgram {
  return startProgramOn(ranks, main, args);
}

/**
 * Starts ranks as startRanks does, with restarts; rank 1 gets a signal once, at its first start, when a run in the folder
 * has the file.
 */
export function startRanksWithASignal(
  ranks: number,
  { signal, runs, file }: { signal: 'SIGKILL' | 'SIGTERM'; runs: string; file: string },
  ...args: string[]
): StartedProgram {
  // In the rank itself, between two of its steps: on a busy machine another process may find the run over.
  const watch = `
    import { existsSync, readdirSync } from 'node:fs';
    import { join } from 'node:path';
    const [runs, file] = ${JSON.stringify([runs, file])};
    const timer = setInterval(() => {
      if (!existsSync(runs) || !readdirSync(runs).some((run) => existsSync(join(runs, run, file)))) return;
      clearInterval(timer);
      process.kill(process.pid, '${signal}');
    }, 5).unref();`;
  const options = `--import=data:text/javascript,${encodeURIComponent(watch)}`;
  const script = `if [ "$RANK.$SCMOE_RESTART_COUNT" = 1.0 ]; then export NODE_OPTIONS="$0"; fi; exec "$@"`;
  return startProgramOn(ranks, main, args, {
    launch: ['--max-restarts', '1'],
    through: ['sh', '-c', script, options],
  });
}
