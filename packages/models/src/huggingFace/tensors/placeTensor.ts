import { placeMatrix, type MatrixPlace } from '@scmoe/tensor';

import type { TensorLink } from './linkTensors.js';

/** Theirs as a matrix: all of its rows, one behind the other, and how many of them are one of its stacked matrices. */
export interface TheirRows {
  readonly length: number;
  readonly perMatrix: number;
  readonly count: number;
}

/** Some of the columns of one of ours: where they are along the axis of theirs that ours share. */
interface Run {
  readonly target: number;
  readonly column: number;
  readonly count: number;
  readonly first: number;
  readonly step: number;
}

type Form = Pick<TensorLink, 'ours' | 'stacked' | 'transposed' | 'groups'>;

/** The rows of one of theirs that has so many elements. */
export function rowsOf({ ours, stacked, transposed }: Form, elements: number): TheirRows {
  const width = ours.reduce((sum, { shape }) => sum + shape.at(-1)!, 0);
  const matrices = stacked ? 1 : ours[0]!.shape.slice(0, -2).reduce((product, axis) => product * axis, 1);
  // What theirs and ours have of the other axis.
  const other = elements / (matrices * width);
  const [length, perMatrix] = transposed ? [other, width] : [width, other];
  return { length, perMatrix, count: matrices * perMatrix };
}

/**
 * Writes rows of one of theirs to their place in ours: turned, their columns shared out, or behind those of the experts before it.
 *
 * @param index which of theirs it is
 * @param rows the rows that `values` has, of one matrix
 * @param targets memory of ours
 */
export function placeRows(
  link: Form,
  index: number,
  { length, perMatrix }: TheirRows,
  rows: { first: number; count: number },
  values: Float32Array,
  targets: readonly Float32Array[],
): void {
  const { ours, stacked, transposed } = link;
  const matrix = stacked ? index : Math.floor(rows.first / perMatrix);
  const begin = rows.first % perMatrix;
  const end = begin + rows.count;
  for (const { target, column, count, first, step } of runsOf(link)) {
    const columns = ours[target]!.shape.at(-1)!;
    const place = (row: number, column: number): MatrixPlace => {
      const height = transposed ? length : perMatrix;
      return {
        values: targets[target]!,
        offset: matrix * height * columns + row * columns + column,
        row: columns,
        column: 1,
      };
    };
    if (!transposed) {
      const source = { values, offset: first, row: length, column: step };
      placeMatrix(source, place(begin, column), { rows: rows.count, columns: count });
      continue;
    }
    // Of its columns those whose rows of theirs are here.
    const from = Math.max(0, Math.ceil((begin - first) / step));
    const to = Math.min(count, Math.ceil((end - first) / step));
    const source = { values, offset: (first + from * step - begin) * length, row: 1, column: step * length };
    if (to > from) placeMatrix(source, place(0, column + from), { rows: length, columns: to - from });
  }
}

function runsOf({ ours, groups }: Form): Run[] {
  const widths = ours.map(({ shape }) => shape.at(-1)!);
  const width = widths.reduce((sum, each) => sum + each, 0);
  let start = 0;
  return widths.flatMap((columns, target) => {
    // Where columns take turns every group has one of each.
    if (groups > 1 && groups === columns)
      return [{ target, column: 0, count: columns, first: target, step: ours.length }];
    const count = columns / groups;
    const runs = Array.from({ length: groups }, (_, group) => ({
      ...{ target, count, step: 1 },
      ...{ column: group * count, first: (group * width + start) / groups },
    }));
    start += columns;
    return runs;
  });
}
