import * as tf from '@tensorflow/tfjs';

/**
 * Rows (R, d) that lie in blocks, each block `times` times in a row: (times R, d). What `sumBlocks` is the gradient of.
 *
 * @param counts rows of each block; they add up to R
 */
export function repeatBlocks(rows: tf.Tensor2D, counts: readonly number[], times: number): tf.Tensor2D {
  if (times === 1) return rows;
  const repeat = tf.customGrad<tf.Tensor2D>((given) => ({
    value: repeated(given as tf.Tensor2D, counts, times),
    gradFunc: (dy: tf.Tensor) => summed(dy as tf.Tensor2D, counts, times),
  }));
  return repeat(rows);
}

/** Adds up each `times` blocks in a row: (times R, d) -> (R, d). What `repeatBlocks` is the gradient of. */
export function sumBlocks(rows: tf.Tensor2D, counts: readonly number[], times: number): tf.Tensor2D {
  if (times === 1) return rows;
  const sum = tf.customGrad<tf.Tensor2D>((given) => ({
    value: summed(given as tf.Tensor2D, counts, times),
    gradFunc: (dy: tf.Tensor) => repeated(dy as tf.Tensor2D, counts, times),
  }));
  return sum(rows);
}

/** The same without a gradient. */
export function repeated(rows: tf.Tensor2D, counts: readonly number[], times: number): tf.Tensor2D {
  if (times === 1) return tf.clone(rows);
  const blocks = blocksOf(rows, counts).flatMap((block) => new Array<tf.Tensor2D>(times).fill(block));
  return blocks.length === 1 ? tf.clone(blocks[0]!) : tf.concat(blocks);
}

/** The same without a gradient. */
export function summed(rows: tf.Tensor2D, counts: readonly number[], times: number): tf.Tensor2D {
  if (times === 1) return tf.clone(rows);
  const each = counts.flatMap((count) => new Array<number>(times).fill(count));
  const blocks = blocksOf(rows, each);
  const sums = counts.map((_, i) => tf.addN(blocks.slice(i * times, (i + 1) * times)));
  return sums.length === 1 ? sums[0]! : tf.concat(sums);
}

function blocksOf(rows: tf.Tensor2D, counts: readonly number[]): tf.Tensor2D[] {
  let first = 0;
  return counts.map((count) => tf.slice(rows, [(first += count) - count, 0], [count, rows.shape[1]]));
}
