/** Of one thread the time on a CPU, which does not depend on who else is there; of several, that of the clock. */
export function secondsNow(threads: number): number {
  if (threads > 1) return performance.now() / 1e3;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
