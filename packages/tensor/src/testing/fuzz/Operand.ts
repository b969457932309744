import type * as tf from '@tensorflow/tfjs';

/** A tensor as plain data, so that each backend makes its own of it. Complex numbers are pairs. */
export interface Operand {
  shape: number[];
  dtype: tf.DataType;
  values: number[] | string[];
}
