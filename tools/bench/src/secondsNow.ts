/** The clock of a measurement: one thread's is its time on a CPU, which does not depend on who else is there. */
export function secondsNow(threads: number): number {
  if (threads > 1) return performance.now() / 1e3;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
