import { expectInteger } from '@scmoe/errors';

/** More than any machine has; OpenMP ends the process where the system gives it too few. */
const most = 1024;

/** Checks a number of threads. @throws ArgumentError naming `what` where it is no number of threads. */
export function expectThreads(what: string, threads: number): void {
  expectInteger(what, threads, { minimum: 1, maximum: most });
}
