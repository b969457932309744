/** About ten round times from 0 to `longestMs`: multiples of 1, 2 or 5 times a power of ten. */
export function axisTicks(longestMs: number): readonly number[] {
  const rough = longestMs / 10;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  return Array.from({ length: Math.floor(longestMs / step + 1e-9) + 1 }, (_, i) => i * step);
}

/** A time with as many decimals as tell the ticks apart. */
export function tickLabel(ms: number, ticks: readonly number[]): string {
  const step = (ticks[1] ?? 1) - (ticks[0] ?? 0);
  return ms.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

/** Three significant digits. Sums in another order print alike: what float64 rounded off is rounded away first. */
export function formatMs(exactMs: number): string {
  const ms = Number(exactMs.toPrecision(12));
  if (ms === 0) return '0';
  return Math.abs(ms) >= 100 ? Math.round(ms).toString() : Number(ms.toPrecision(3)).toString();
}
