import { parameter, type ParameterRecord } from '@scmoe/layer';
import { linear } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/**
 * Attention that the patches get, x (B, S, d) -> (B, numPatches), each row with the sum 1: the mean over the heads of what the
 * first token gives, where it is a class token, or else of what all of them give.
 *
 * @param x what the attention reads, normalised
 */
export function attentionShares(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  { numHeads, numKvHeads, hasClassToken }: { numHeads: number; numKvHeads: number; hasClassToken: boolean },
): tf.Tensor2D {
  const [batch, length, dModel] = x.shape;
  const headSize = dModel / numHeads;
  const project = (name: string, heads: number) => {
    const y = linear(x, parameter<tf.Tensor2D>(parameters, `w${name}`), parameters[`b${name}`]);
    return tf.transpose(tf.reshape(y, [batch, length, heads, headSize]), [0, 2, 1, 3]);
  };
  const queries = project('q', numHeads);
  // Heads of keys are shared by neighbouring heads of queries.
  const shared = tf.expandDims(project('k', numKvHeads), 2);
  const keys = tf.reshape(tf.tile(shared, [1, 1, numHeads / numKvHeads, 1, 1]), queries.shape);
  const weights = tf.softmax(tf.mul(tf.matMul(queries, keys, false, true), 1 / Math.sqrt(headSize)));
  const given = hasClassToken ? tf.slice(weights, [0, 0, 0, 0], [-1, -1, 1, -1]) : weights;
  const received = tf.mean(given, [1, 2]); // (B, S)
  const ofPatches = hasClassToken ? tf.slice(received, [0, 1], [-1, -1]) : received;
  return tf.div(ofPatches, tf.sum(ofPatches, 1, true));
}
