import { expectThat } from '@scmoe/errors';

/** More than any machine has; OpenMP ends the process where the system gives it too few. */
const most = 1024;

/** Checks a number of threads, which was given as `got`. @throws ArgumentError naming `what` where it is none. */
export function expectThreads(what: string, threads: number, got: unknown = threads): number {
  const holds = Number.isSafeInteger(threads) && threads >= 1 && threads <= most;
  expectThat(holds, what, `a whole number from 1 to ${most}`, got);
  return threads;
}
