import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runCommandLine } from '@scmoe/run';
import { type Outcome, runHere, startProgram, startProgramOn } from '@scmoe/testing';

import { commandLine } from '../commandLine.js';

const main = join(dirname(fileURLToPath(import.meta.url)), '..', 'main.ts');

/** Runs a command line in this process. */
export function vitTrain(...args: string[]): Promise<Outcome> {
  return runHere((terminal) => runCommandLine(commandLine, args, terminal));
}

/** Runs a command line as a process of its own, from source, which is given `input`. */
export function vitTrainProcess(args: readonly string[], input?: Uint8Array | string): Promise<Outcome> {
  return startProgram(main, args, { input }).done;
}

/** Runs a command line on several ranks, as `scmoe launch` does. */
export function vitTrainOn(ranks: number, ...args: string[]): Promise<Outcome> {
  return startProgramOn(ranks, main, args).done;
}
