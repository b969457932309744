/**
 * The best assignment of rows to columns: one column for each row, with the largest sum of values (Kuhn and Munkres, in
 * the O(n^3) form of Jonker and Volgenant's shortest paths).
 *
 * @param values (n, n)
 * @returns the column of each row
 */
export function assign(values: readonly (readonly number[])[]): number[] {
  const n = values.length;
  // Potentials of rows and columns, and the row of each column; numbered from 1, with 0 for nobody.
  const ofRows = new Float64Array(n + 1);
  const ofColumns = new Float64Array(n + 1);
  const rowOf = new Int32Array(n + 1);
  const cameFrom = new Int32Array(n + 1);
  for (let row = 1; row <= n; row++) {
    rowOf[0] = row;
    let column = 0;
    const least = new Float64Array(n + 1).fill(Infinity);
    const isDone = new Uint8Array(n + 1);
    do {
      isDone[column] = 1;
      const own = rowOf[column]!;
      let step = Infinity;
      let next = 0;
      for (let j = 1; j <= n; j++) {
        if (isDone[j]) continue;
        const reduced = -values[own - 1]![j - 1]! - ofRows[own]! - ofColumns[j]!;
        if (reduced < least[j]!) {
          least[j] = reduced;
          cameFrom[j] = column;
        }
        if (least[j]! < step) {
          step = least[j]!;
          next = j;
        }
      }
      for (let j = 0; j <= n; j++) {
        if (isDone[j]) {
          ofRows[rowOf[j]!]! += step;
          ofColumns[j]! -= step;
        } else least[j]! -= step;
      }
      column = next;
    } while (rowOf[column] !== 0);
    while (column !== 0) {
      const before = cameFrom[column]!;
      rowOf[column] = rowOf[before]!;
      column = before;
    }
  }
  const columns = new Array<number>(n);
  for (let j = 1; j <= n; j++) columns[rowOf[j]! - 1] = j - 1;
  return columns;
}
