import * as tf from '@tensorflow/tfjs';

import type { InputNorm } from './shortcutNorm.js';

/** Which tokens of a stage somebody reads. */
export interface OutputRowsContext {
  /**
   * The tokens whose output is wanted, of (1, T, d): that of the stage has them alone, (1, R, d), in this order. Its attentions see
   * all tokens; behind the last of them the others are not computed. For packed sequences and connectivity `regular`. Default: all.
   */
  outputRows?: readonly number[];
}

/** The tokens that are wanted: (1, T, d) -> (1, R, d). */
export function wantedRows(x: tf.Tensor3D, outputRows: readonly number[] | undefined): tf.Tensor3D {
  return outputRows ? tf.gather(x, tf.tensor1d([...outputRows], 'int32'), 1) : x;
}

/** A norm, if there is one, behind the choice of the tokens that are wanted. */
export function normOfWanted(
  norm: InputNorm | undefined,
  outputRows: readonly number[] | undefined,
): InputNorm | undefined {
  if (!outputRows) return norm;
  const apply = (x: tf.Tensor) => {
    const wanted = wantedRows(x as tf.Tensor3D, outputRows);
    return norm ? norm.apply(wanted) : wanted;
  };
  return { apply, cost: norm?.cost ?? (() => []) };
}
