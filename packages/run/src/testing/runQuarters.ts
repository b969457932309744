import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type Outcome, runHere, startProgramOn } from '@scmoe/testing';

import { runCommandLine } from '../index.js';
import { commandLine } from './quarters.js';

/** The program's main file. */
export const quartersMain = join(dirname(fileURLToPath(import.meta.url)), 'quartersProgram.ts');

/** Runs the program in this process. */
export function runQuarters(...args: string[]): Promise<Outcome> {
  return runHere((terminal) => runCommandLine(commandLine, args, terminal));
}

/** Runs the program on several ranks, as `scmoe launch` does, from source. */
export function runQuartersOn(ranks: number, ...args: string[]): Promise<Outcome> {
  return startProgramOn(ranks, quartersMain, args).done;
}
