/**
 * Counts values in equal bins between the smallest and the largest, as TensorBoard's histogram plugin stores them.
 *
 * @returns one [left edge, right edge, count] a bin; a single bin where all values are equal, none where there are none
 */
export function histogram(values: ArrayLike<number>, numBins = 30): [number, number, number][] {
  let minimum = Infinity;
  let maximum = -Infinity;
  for (let i = 0; i < values.length; i++) {
    minimum = Math.min(minimum, values[i]!);
    maximum = Math.max(maximum, values[i]!);
  }
  if (values.length === 0) return [];
  if (minimum === maximum) return [[minimum - 0.5, maximum + 0.5, values.length]];
  const width = (maximum - minimum) / numBins;
  const bins = Array.from({ length: numBins }, (_, i): [number, number, number] => [
    minimum + i * width,
    i === numBins - 1 ? maximum : minimum + (i + 1) * width,
    0,
  ]);
  for (let i = 0; i < values.length; i++) bins[Math.min(numBins - 1, Math.floor((values[i]! - minimum) / width))]![2]++;
  return bins;
}
