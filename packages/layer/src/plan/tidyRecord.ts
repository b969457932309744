import * as tf from '@tensorflow/tfjs';

/** tf.tidy over a record that holds tensors among other things, which the type of tf.tidy does not foresee. */
export function tidyRecord<Result extends object>(compute: () => Result): Result {
  return tf.tidy(compute as unknown as () => tf.TensorContainerObject) as unknown as Result;
}
