import { runProcess } from '@scmoe/run';

import { commandLine } from './commandLine.js';

/** Runs what the command line asks for, to the end of the process. */
export function start(): Promise<void> {
  return runProcess(commandLine);
}
