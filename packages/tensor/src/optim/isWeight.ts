import type * as tf from '@tensorflow/tfjs';

/** `b`, `b1` of an MLP, `bq` and `bqDown` of an attention; `bias` and names that end with it. */
const biasName = /^b([0-9]|[qkvo]|kv)?(Down|Up)?$|bias$/i;

/**
 * Whether a parameter is a weight, a table, or a stack of them, by its name and rank. Vectors are none, and neither are
 * biases where those of several experts are stacked to a matrix: `block0.experts.b1` (E, h).
 *
 * @param name parts joined by dots, of which the last names the parameter in its sublayer
 */
export function isWeight(name: string, { rank }: Pick<tf.Tensor, 'rank'>): boolean {
  return rank >= 2 && !biasName.test(name.slice(name.lastIndexOf('.') + 1));
}
