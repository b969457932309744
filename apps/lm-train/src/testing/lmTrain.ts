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
 * Starts ranks as startRanks does, with restarts; rank 1 gets a signal once, at its first start, when the file is
 * there.
 */
export function startRanksWithASignal(
  ranks: number,
  signal: 'KILL' | 'TERM',
  file: string,
  ...args: string[]
): StartedProgram {
  const kill = `(while ! [ -s "$(ls -d ${file} 2>/dev/null)" ]; do sleep 0.05; done; kill -${signal} $$) &`;
  const script = `if [ "$RANK.$SCMOE_RESTART_COUNT" = 1.0 ]; then ${kill} fi; exec "$@"`;
  return startProgramOn(ranks, main, args, {
    launch: ['--max-restarts', '1'],
    through: ['sh', '-c', script, 'rank'],
  });
}
