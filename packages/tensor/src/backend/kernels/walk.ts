import { loadAddon } from '../../addon/loadAddon.js';
import type { NumericArray } from '../ScmoeBackend.js';

/** Ranks that the native strided kernels take (kMaxRank in native/cpu/strided.h). */
export const maxRank = 12;

/**
 * How native code walks over the dimensions of two operands: rank, sizes, strides of the first, strides of the second,
 * outermost dimension first. One buffer serves all calls: native code reads it before it returns.
 */
const walk = new Float64Array(1 + 3 * maxRank);

export function setWalk(sizes: readonly number[], first: readonly number[], second: readonly number[]): Float64Array {
  const rank = sizes.length;
  walk[0] = rank;
  for (let d = 0; d < rank; d++) {
    walk[1 + d] = sizes[d]!;
    walk[1 + rank + d] = first[d]!;
    walk[1 + 2 * rank + d] = second[d]!;
  }
  return walk;
}

/** A walk over `size` elements of both operands that lie side by side. */
export function flatWalk(size: number): Float64Array {
  walk[0] = 1;
  walk[1] = size;
  walk[2] = 1;
  walk[3] = 1;
  return walk;
}

/** Row-major strides in elements, one per dimension. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= shape[d]!;
  }
  return strides;
}

/**
 * Broadcasts two shapes by NumPy's rules: the joint shape, and the walk over it with stride 0 where an operand repeats.
 * Undefined where the shapes don't fit or have too many dimensions.
 */
export function broadcastWalk(
  a: readonly number[],
  b: readonly number[],
): { shape: number[]; walk: Float64Array } | undefined {
  const rank = Math.max(a.length, b.length);
  if (rank > maxRank) return undefined;
  const shape = new Array<number>(rank);
  walk[0] = rank;
  let strideA = 1;
  let strideB = 1;
  for (let d = rank - 1, i = a.length - 1, j = b.length - 1; d >= 0; d--, i--, j--) {
    const sizeA = i >= 0 ? a[i]! : 1;
    const sizeB = j >= 0 ? b[j]! : 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) return undefined;
    const size = sizeA === 1 ? sizeB : sizeA;
    shape[d] = size;
    walk[1 + d] = size;
    walk[1 + rank + d] = sizeA === 1 ? 0 : strideA;
    walk[1 + 2 * rank + d] = sizeB === 1 ? 0 : strideB;
    strideA *= sizeA;
    strideB *= sizeB;
  }
  return { shape, walk };
}

/** Copies along a walk over `sizes` dimensions, whose order is the target's. Offsets and strides in elements. */
export function copyStrided(
  source: { values: NumericArray; offset?: number; strides: readonly number[] },
  target: { values: NumericArray; offset?: number; strides: readonly number[] },
  sizes: readonly number[],
): void {
  loadAddon().copyStrided({
    walk: setWalk(sizes, source.strides, target.strides),
    sourceOffset: source.offset ?? 0,
    targetOffset: target.offset ?? 0,
    source: source.values,
    target: target.values,
  });
}
