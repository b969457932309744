import * as tf from '@tensorflow/tfjs';

/**
 * Cuts the last axis into parts of these widths. With several groups each part has as many neighbours in every group: first
 * those of all parts in the first group, then those in the second.
 */
export function splitColumns(whole: tf.Tensor, widths: readonly number[], groups: number): tf.Tensor[] {
  if (groups === 1) return tf.split(whole, [...widths], -1);
  const leading = whole.shape.slice(0, -1);
  const grouped = tf.reshape(whole, [...leading, groups, whole.shape.at(-1)! / groups]);
  const within = widths.map((width) => width / groups);
  return tf.split(grouped, within, -1).map((part, i) => tf.reshape(part, [...leading, widths[i]!]));
}

/** Parts along the last axis as one, the way back from {@link splitColumns}. */
export function joinColumns(parts: readonly tf.Tensor[], groups: number): tf.Tensor {
  if (groups === 1) return tf.concat([...parts], -1);
  const leading = parts[0]!.shape.slice(0, -1);
  const grouped = parts.map((part) => tf.reshape(part, [...leading, groups, part.shape.at(-1)! / groups]));
  return tf.reshape(tf.concat(grouped, -1), [...leading, -1]);
}
