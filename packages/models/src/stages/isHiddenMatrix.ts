import { isWeight } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

/** Rows or columns of these belong to tokens, positions, classes, experts or taps: they are no maps between activations. */
const tables = /^(embedding|positions|head\.)|(^|\.)(router|mix)\.|\.conv$/;

/**
 * Whether a parameter of a model maps activations to activations: the matrices of attentions, MLPs and experts, and the
 * patch embedding. Those are what Muon is for; it leaves tables, heads, routers and biases to AdamW (Jordan et al., 2024).
 */
export function isHiddenMatrix(name: string, variable: Pick<tf.Tensor, 'rank'>): boolean {
  return isWeight(name, variable) && !tables.test(name);
}
