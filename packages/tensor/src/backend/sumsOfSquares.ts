import type { DataId } from '@tensorflow/tfjs';

/** One double each, as bytes: the addon writes them with the data, each time that a captured step is made again. */
const known = new WeakMap<DataId, Uint8Array>();

/** Bytes of a double. */
const size = 8;

/** Whether kernels are to count: not where their calls are kept for tensors of others. */
let isCounting = true;

/** Room for the sums of the squares of tensors that one kernel writes: they are known of these from then on, see `globalNorm`. */
export function notedSquares(tensors: readonly { dataId: DataId }[]): Uint8Array | undefined {
  if (!isCounting) return undefined;
  const all = new Uint8Array(size * tensors.length);
  tensors.forEach(({ dataId }, i) => known.set(dataId, all.subarray(size * i, size * (i + 1))));
  return all;
}

/** Runs kernels that count nothing. */
export function withoutSquares<Result>(run: () => Result): Result {
  const before = isCounting;
  isCounting = false;
  try {
    return run();
  } finally {
    isCounting = before;
  }
}

/** Bytes of the sum of the squares of these data, where whoever wrote them has counted it. */
export function squaresOf(dataId: DataId): Uint8Array | undefined {
  return known.get(dataId);
}

/** Says what is known of data: of others with the same elements, or nothing where they are written over. */
export function noteSquares(dataId: DataId, squares: Uint8Array | undefined): void {
  if (squares) known.set(dataId, squares);
  else known.delete(dataId);
}
