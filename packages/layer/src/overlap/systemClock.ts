/** Milliseconds since 1970, to the microsecond: the clock of flight records. */
export function systemClock(): number {
  return performance.timeOrigin + performance.now();
}
