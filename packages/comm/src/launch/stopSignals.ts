import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';

/**
 * The signals by which a run is told to end: Ctrl-C, a lost terminal, what schedulers send at the end and, SIGUSR1, what
 * Slurm sends some time before it.
 */
export const stopSignals = ['SIGHUP', 'SIGINT', 'SIGUSR1', 'SIGTERM'] as const;

export type StopSignalName = (typeof stopSignals)[number];

/**
 * One Ctrl-C can arrive several times: from the terminal, and handed on by whoever started this process. What comes so
 * soon after the first is the same one.
 */
export const secondInterruptMs = 500;

/** The exit status of what a signal has ended, as shells count: 128 and its number. */
export function signalStatus(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** Whether somebody could press Ctrl-C: whether this process has a controlling terminal, wherever its output goes. */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
