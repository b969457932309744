/** @throws RangeError naming `what` where it is no number of threads. */
export function checkThreads(what: string, threads: number): void {
  if (Number.isInteger(threads) && threads >= 1) return;
  throw new RangeError(`${what} must be a whole number of at least 1, got ${threads}`);
}
