import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { hasFused, runFused } from '../ops/runFused.js';
import { withoutRecording } from '../autodiff/recording.js';

/** Writes rows of one tensor into another, in place: the one kernel that changes a tensor, for tensors that a cache owns. */
export const writeRowsKernel = 'ScmoeWriteRows';

/** Which rows of `from` go where in `rows`. */
export interface WriteRowsAttributes {
  /** Row of `rows` that gets the first. */
  at: number;
  first: number;
  count: number;
}

/** The least room that is made. */
const leastRows = 32;

/**
 * `rows` (>= at, w) with rows `first` to `first + count` of `from` (1, T, w) behind the first `at`: the same tensor where it
 * has room, else a larger one in its place, with the old one disposed. The result outlives every tidy.
 */
export function appendRows(
  rows: tf.Tensor2D | undefined,
  at: number,
  from: tf.Tensor3D,
  { first, count }: { first: number; count: number },
): tf.Tensor2D {
  const width = from.shape[2];
  expectWidth(rows, width);
  return withoutRecording(() => {
    if (!hasFused(writeRowsKernel)) {
      const grown = tf.tidy(() => {
        const added: tf.Tensor2D = tf.reshape(tf.slice(from, [0, first, 0], [1, count, width]), [count, width]);
        return tf.keep(rows ? tf.concat([rows, added], 0) : tf.clone(added));
      });
      rows?.dispose();
      return grown;
    }
    const roomy = withRoom(rows, at, { needed: at + count, width });
    runFused(writeRowsKernel, { rows: roomy, from }, { at, first, count } satisfies WriteRowsAttributes);
    return roomy;
  });
}

/**
 * `rows`, or a copy with at least `needed` rows, the first `at` of which are those of `rows`: a power of two of them, so that
 * there are few sizes, and what one sequence has given back serves the next. What is copied is disposed.
 */
export function withRoom(
  rows: tf.Tensor2D | undefined,
  at: number,
  { needed, width }: { needed: number; width: number },
): tf.Tensor2D {
  expectWidth(rows, width);
  if (rows && rows.shape[0] >= needed) return rows;
  const total = Math.max(leastRows, 2 ** Math.ceil(Math.log2(needed)));
  const grown = withoutRecording(() =>
    tf.tidy(() => {
      if (!rows || at === 0) return tf.keep(tf.zeros<tf.Rank.R2>([total, width]));
      return tf.keep(tf.concat([tf.slice(rows, [0, 0], [at, width]), tf.zeros<tf.Rank.R2>([total - at, width])], 0));
    }),
  );
  rows?.dispose();
  return grown;
}

function expectWidth(rows: tf.Tensor2D | undefined, width: number): void {
  if (rows && rows.shape[1] !== width)
    throw new ArgumentError(`append: expected rows of width ${rows.shape[1]}, as the tokens before, got ${width}`);
}
