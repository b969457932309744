import * as tf from '@tensorflow/tfjs';

/** What of an attention sinks have to know. */
interface SunkAttention {
  numHeads: number;
  numKvHeads: number;
  scale: number;
  mask?: tf.Tensor;
}

/**
 * Attention whose softmax has one score more in every row, the sink of its head, for an attention that has none: the sink
 * becomes the score of a further key, in front of all others, whose value is 0. Queries and keys get a component more for
 * it, the sink in queries and 1 in that key alone, so that nothing else changes.
 *
 * @param sinks (H), not scaled
 */
export function withSinks<Options extends SunkAttention>(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  sinks: tf.Tensor,
  options: Options,
  attend: (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: Options) => tf.Tensor3D,
): tf.Tensor3D {
  const { numHeads, numKvHeads, scale, mask } = options;
  const [batch, queries, width] = q.shape as [number, number, number];
  const [size, keys] = [width / numHeads, k.shape[1]!];
  const perHead = (x: tf.Tensor, heads: number): tf.Tensor4D => tf.reshape(x, [batch, x.shape[1]!, heads, size]);
  const joined = (x: tf.Tensor4D): tf.Tensor3D => tf.reshape(x, [batch, x.shape[1], x.shape[2] * (size + 1)]);
  const ofQueries = tf.mul(tf.ones([batch, queries, 1, 1]), tf.reshape(tf.div(sinks, scale), [1, 1, numHeads, 1]));
  const withZero = (x: tf.Tensor) =>
    tf.concat<tf.Tensor4D>([perHead(x, numKvHeads), tf.zeros([batch, keys, numKvHeads, 1])], 3);
  const unit = tf.oneHot(tf.fill([batch, 1, numKvHeads], size, 'int32'), size + 1);
  const out = attend(
    joined(tf.concat<tf.Tensor4D>([perHead(q, numHeads), ofQueries as tf.Tensor4D], 3)),
    joined(tf.concat<tf.Tensor4D>([tf.cast<tf.Tensor4D>(unit as tf.Tensor4D, 'float32'), withZero(k)], 1)),
    joined(tf.concat<tf.Tensor4D>([tf.zeros([batch, 1, numKvHeads, size + 1]), withZero(v)], 1)),
    { ...options, mask: mask && tf.concat([tf.ones([batch, 1], 'bool'), mask as tf.Tensor2D], 1) },
  );
  const perQuery = tf.reshape<tf.Rank.R4>(out, [batch, queries, numHeads, size + 1]);
  return tf.reshape(tf.slice(perQuery, [0, 0, 0, 0], [-1, -1, -1, size]), [batch, queries, width]);
}
