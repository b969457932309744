export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Half the distance between the quartiles, relative to the median: how noisy the machine was. */
export function spread(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  return (at(0.75) - at(0.25)) / 2 / median(sorted);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard deviation of a sample (n - 1), undefined for a single value. */
export function deviation(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined;
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, v) => sum + (v - center) ** 2, 0) / (values.length - 1));
}

/** Mean and deviation of differences, with their sign: `-0.0103 ± 0.0043`; empty of none. */
export function differencesText(differences: readonly number[], digits: number): string {
  if (differences.length === 0) return '';
  const center = mean(differences);
  const around = deviation(differences)?.toFixed(digits);
  return `${center < 0 ? '' : '+'}${center.toFixed(digits)}${around === undefined ? '' : ` ± ${around}`}`;
}
