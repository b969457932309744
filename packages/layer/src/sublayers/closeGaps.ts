import { embedding } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/**
 * Moves the tokens of each sequence to its beginning, in their order, and the padding behind them: a recurrence that looks back
 * alone then never meets it.
 *
 * @param mask (B, S) bool: false for padding
 * @returns `close`, which moves rows (B, S, w), and `open`, which moves them back
 */
export function closeGaps(mask: tf.Tensor): Record<'close' | 'open', (x: tf.Tensor3D) => tf.Tensor3D> {
  const [batch, length] = mask.shape as [number, number];
  const isToken = tf.cast(mask, 'int32');
  const before = (flags: tf.Tensor) => tf.cumsum(flags, 1, true);
  const numTokens = tf.sum(isToken, 1, true);
  // Where each one goes, token or padding.
  const places = tf.where(mask, before(isToken), tf.add(numTokens, before(tf.sub(1, isToken))));
  // A permutation's inverse: the indices in the order of the places, the lowest first.
  const { indices } = tf.topk(tf.neg(tf.cast(places, 'float32')), length);
  const firstRows = tf.mul(tf.range(0, batch, 1, 'int32').reshape([batch, 1]), length);
  const move = (x: tf.Tensor3D, from: tf.Tensor): tf.Tensor3D => {
    const rows: tf.Tensor2D = tf.reshape(x, [batch * length, x.shape[2]]);
    return embedding(tf.cast(tf.add(from, firstRows), 'int32'), rows) as tf.Tensor3D;
  };
  return { close: (x) => move(x, indices), open: (x) => move(x, places) };
}
