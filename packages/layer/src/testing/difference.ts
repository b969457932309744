/** The largest magnitude. */
export const largestOf = (numbers: ArrayLike<number>) =>
  Array.from(numbers).reduce((largest, number) => Math.max(largest, Math.abs(number)), 0);

/** Largest difference in units of the largest number of `expected`, or of `scale` where that is tiny. NaN stays NaN. */
export function difference(actual: ArrayLike<number>, expected: ArrayLike<number>, scale = 1): number {
  if (actual.length !== expected.length) throw new Error(`${actual.length} numbers, expected ${expected.length}`);
  const own = largestOf(expected);
  const apart = largestOf(Array.from(expected, (number, i) => actual[i]! - number));
  return apart / (own > 1e-5 * scale ? own : scale);
}
