import * as tf from '@tensorflow/tfjs';

import { hasStaticShapes } from '../ops/staticShapes.js';

/** Numbers that one round of an optimizer works on: what it makes on the way is so large, whatever the parameters are. */
export const defaultTileValues = 2 ** 20;

/**
 * Applies `update` to tensors of one shape tile by tile along the first axis, so that what it makes on the way has the size of a
 * tile. `update` has to treat the rows of the first axis by themselves; the results are then those of the whole, bit for bit.
 *
 * @param tensors of one shape (n, ...)
 * @param values numbers of a tile; it is one row at least
 * @returns what `update` gives of the whole tensors, each of their shape; the caller disposes it
 */
export function inTiles(
  tensors: readonly tf.Tensor[],
  update: (...tiles: tf.Tensor[]) => tf.Tensor[],
  values: number,
): tf.Tensor[] {
  const [first] = tensors as [tf.Tensor];
  const [rows = 1] = first.shape;
  const rowsEach = Math.max(1, Math.floor((values * rows) / first.size));
  // Of a step that is compiled nothing is made on the way, unless there are tiles to put together.
  if (first.size === 0 || rows <= rowsEach || hasStaticShapes()) return tidyAll(() => update(...tensors));
  const tiles: tf.Tensor[][] = [];
  for (let start = 0; start < rows; start += rowsEach) {
    const count = Math.min(rowsEach, rows - start);
    tiles.push(tidyAll(() => update(...tensors.map((tensor) => tf.slice(tensor, start, count)))));
  }
  // One result after the other: its tiles go before the next is put together.
  return tiles[0]!.map((_, i) => {
    const parts = tiles.map((tile) => tile[i]!);
    const whole = tf.concat(parts, 0);
    tf.dispose(parts);
    return whole;
  });
}

function tidyAll(compute: () => tf.Tensor[]): tf.Tensor[] {
  return tf.tidy(compute);
}
