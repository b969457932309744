import { toFloat32, type StoredTensor } from '@scmoe/tensor';

import type { TensorLink } from './linkTensors.js';

/**
 * Writes one of theirs, of whatever floating-point type, to its place in ours: turned, its columns shared out, or behind those
 * of the experts before it. No copy of it is made on the way.
 *
 * @param index which of theirs it is
 * @param targets memory of ours, float32
 */
export function placeTensor(
  { ours, stacked, transposed, groups }: Pick<TensorLink, 'ours' | 'stacked' | 'transposed' | 'groups'>,
  index: number,
  stored: StoredTensor,
  targets: readonly Float32Array[],
): void {
  const widths = ours.map(({ shape }) => shape.at(-1)!);
  const width = widths.reduce((sum, each) => sum + each, 0);
  const matrices = stacked ? 1 : ours[0]!.shape.slice(0, -2).reduce((product, axis) => product * axis, 1);
  const length = stored.data.length / (matrices * width); // what theirs and ours have of the other axis
  let start = 0;
  ours.forEach((_, k) => {
    const columns = widths[k]!;
    const size = length * columns;
    // Where columns take turns every group has one of each.
    const takesTurns = groups > 1 && groups === columns;
    const numRuns = takesTurns ? 1 : groups;
    const run = columns / numRuns;
    for (let matrix = 0; matrix < matrices; matrix++) {
      const at = (stacked ? index : matrix) * size;
      const target = targets[k]!.subarray(at, at + size);
      const begin = matrix * length * width;
      // Pages that are touched out of order for the first time cost many times what touching them in order does.
      if (transposed) target.fill(0);
      for (let group = 0; group < numRuns; group++) {
        // Of ours column j of the run is theirs' column (or row, if it is to be turned) first + j * step.
        const [first, step] = takesTurns ? [k, ours.length] : [(group * width) / groups + start / groups, 1];
        const place = { columns, column: group * run };
        if (transposed)
          turnRows(target, stored, {
            ...{ begin: begin + first * length, stride: step * length, rows: run, length },
            ...place,
          });
        else
          takeColumns(target, stored, {
            begin: begin + first,
            stride: width,
            step,
            rows: length,
            length: run,
            ...place,
          });
      }
    }
    start += columns;
  });
}

/** Rows of a matrix within what is stored: where the first begins, how far the next ones are, their length, and their place. */
interface Rows {
  begin: number;
  stride: number;
  rows: number;
  length: number;
  /** Columns of ours, and the one where these begin. */
  columns: number;
  column: number;
}

const strip = 8;

/** Rows as columns, (rows, length) -> (length, rows): eight at a time, each of which is read in order. */
function turnRows(
  target: Float32Array,
  stored: StoredTensor,
  { begin, stride, rows, length, columns, column }: Rows,
): void {
  const to = int32(target);
  for (let top = 0; top < rows; top += strip) {
    const count = Math.min(strip, rows - top);
    const { bits, first, shift } = bitsOf(stored, begin + top * stride, (count - 1) * stride + length);
    if (count === strip) turnEight(to, bits, { first, stride, shift, length, columns, at: column + top });
    else
      for (let row = 0; row < count; row++)
        for (let j = 0; j < length; j++)
          to[j * columns + column + top + row] = bits[first + row * stride + j]! << shift;
  }
}

/** Elements from `begin` on: where the first is, and by how much each has to be shifted to be the bits of float32. */
function bitsOf(stored: StoredTensor, begin: number, count: number) {
  const { dtype, data } = stored;
  if (dtype === 'F32') return { bits: int32(data as Float32Array), first: begin, shift: 0 };
  if (dtype === 'BF16') return { bits: data as Uint16Array, first: begin, shift: 16 };
  return { bits: int32(floatsOf(stored, begin, count)), first: 0, shift: 0 };
}

function int32({ buffer, byteOffset, length }: Float32Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length);
}

function turnEight(
  target: Int32Array,
  source: Int32Array | Uint16Array,
  {
    first,
    stride,
    shift,
    length,
    columns,
    at: place,
  }: Pick<Rows, 'stride' | 'length' | 'columns'> & { first: number; shift: number; at: number },
): void {
  const [a, b, c, d] = [first, first + stride, first + 2 * stride, first + 3 * stride];
  const [e, f, g, h] = [first + 4 * stride, first + 5 * stride, first + 6 * stride, first + 7 * stride];
  for (let j = 0, at = place; j < length; j++, at += columns) {
    target[at] = source[a + j]! << shift;
    target[at + 1] = source[b + j]! << shift;
    target[at + 2] = source[c + j]! << shift;
    target[at + 3] = source[d + j]! << shift;
    target[at + 4] = source[e + j]! << shift;
    target[at + 5] = source[f + j]! << shift;
    target[at + 6] = source[g + j]! << shift;
    target[at + 7] = source[h + j]! << shift;
  }
}

/** Columns of rows, every `step`th of them. */
function takeColumns(
  target: Float32Array,
  stored: StoredTensor,
  { begin, stride, step, rows, length, columns, column }: Rows & { step: number },
): void {
  if (step === 1 && stride === length) {
    const { data, dtype } = stored;
    // It may have been read to its place.
    if (dtype === 'F32' && data.buffer === target.buffer && data.byteOffset + 4 * begin === target.byteOffset) return;
    target.set(floatsOf(stored, begin, rows * length));
    return;
  }
  for (let row = 0; row < rows; row++) {
    const source = floatsOf(stored, begin + row * stride, (length - 1) * step + 1);
    for (let j = 0; j < length; j++) target[row * columns + column + j] = source[j * step]!;
  }
}

/** Some of the elements as float32. */
function floatsOf({ dtype, data }: StoredTensor, begin: number, count: number): Float32Array {
  return toFloat32({ dtype, shape: [count], data: data.subarray(begin, begin + count) });
}
