import type { ElementRange, StoredTensor } from '@scmoe/tensor';

/** Sides of a matrix. */
interface Sides {
  rows: number;
  columns: number;
}

/**
 * Elements of stacked matrices (E, in, out) that are made one at a time: of those that a range touches, and no others.
 *
 * @param readMatrix writes matrix e into its target
 */
export async function rangeOfMatrices(
  shape: readonly [number, number, number],
  elements: ElementRange | undefined,
  readMatrix: (expert: number, target: Float32Array) => Promise<void>,
): Promise<StoredTensor> {
  const size = shape[1] * shape[2];
  const { begin, count } = elements ?? { begin: 0, count: shape[0] * size };
  const first = Math.floor(begin / size);
  const end = Math.ceil((begin + count) / size);
  const data = new Float32Array((end - first) * size);
  for (let expert = first; expert < end; expert++) {
    const at = (expert - first) * size;
    await readMatrix(expert, data.subarray(at, at + size));
  }
  const skipped = begin - first * size;
  return {
    dtype: 'F32',
    shape: elements ? [count] : [...shape],
    data: skipped === 0 && data.length === count ? data : data.subarray(skipped, skipped + count),
  };
}

/**
 * A matrix the other way round, (rows, columns) -> (columns, rows), in tiles that stay in the cache.
 *
 * @param step places from one element of the target to the next, and `offset` the first one: for matrices that take turns
 */
export function transposeInto(
  target: Float32Array,
  source: Float32Array,
  { rows, columns }: Sides,
  { step = 1, offset = 0 }: { step?: number; offset?: number } = {},
): void {
  const tile = 64;
  for (let top = 0; top < rows; top += tile) {
    const bottom = Math.min(rows, top + tile);
    for (let column = 0; column < columns; column++) {
      const begin = column * rows * step + offset;
      for (let row = top; row < bottom; row++) target[begin + row * step] = source[row * columns + column]!;
    }
  }
}
