import { isHiddenMatrix } from '../stages/isHiddenMatrix.js';
import type * as tf from '@tensorflow/tfjs';

/**
 * Whether a parameter of a language model may be kept in fewer bytes than float32: the matrices that kernels read as they are
 * stored. Not the embedding, a table, nor routers, whose choices must not be rounded; not latent attention's `wkvUp`, of which
 * generation takes parts, nor SwiGLU with biases, which is composed of ops that would expand it each time.
 */
export function isStorable(name: string, variables: Readonly<Record<string, tf.Variable>>): boolean {
  if (name === 'head.weight') return true;
  if (!isHiddenMatrix(name, variables[name]!)) return false;
  const [, owner, own] = /^(.*\.)?([^.]*)$/.exec(name)!;
  return own !== 'wkvUp' && variables[`${owner ?? ''}gateBias`] === undefined;
}
