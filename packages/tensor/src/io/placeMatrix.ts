import { findAddon } from '../addon/loadAddon.js';
import { copyStrided } from '../backend/kernels/walk.js';

/** Where the elements of a matrix lie: the first, and how far it is to the next row and to the next column. */
export interface MatrixPlace {
  readonly values: Float32Array;
  readonly offset: number;
  readonly row: number;
  readonly column: number;
}

/**
 * Writes a matrix to its place, turned or with others between its rows, on all threads of the native addon where there is one.
 *
 * @param rows and `columns` of the matrix; both places have as many
 */
export function placeMatrix(
  source: MatrixPlace,
  target: MatrixPlace,
  { rows, columns }: { rows: number; columns: number },
): void {
  if (rows === 0 || columns === 0) return;
  if (findAddon().addon) {
    const stridesOf = ({ values, offset, row, column }: MatrixPlace) => ({ values, offset, strides: [row, column] });
    copyStrided(stridesOf(source), stridesOf(target), [rows, columns]);
    return;
  }
  for (let i = 0; i < rows; i++) {
    const [from, to] = [source.offset + i * source.row, target.offset + i * target.row];
    for (let j = 0; j < columns; j++) target.values[to + j * target.column] = source.values[from + j * source.column]!;
  }
}
