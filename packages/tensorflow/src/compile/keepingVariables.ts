import * as tf from '@tensorflow/tfjs';

/** Every variable that TF.js knows and that has numbers. */
export function allVariables(): tf.Variable[] {
  return Object.values(tf.engine().registeredVariables).filter(({ dtype }) => dtype !== 'string');
}

/**
 * Runs `compute`; where it throws, every variable has the value again that it had before.
 *
 * @returns what `compute` gives
 */
export function keepingVariables<Result>(compute: () => Result): Result {
  const saved = allVariables().map((variable) => ({ variable, value: tf.keep(variable.clone()) }));
  try {
    return compute();
  } catch (error) {
    for (const { variable, value } of saved) restore(variable, value);
    throw error;
  } finally {
    for (const { value } of saved) value.dispose();
  }
}

/** Gives a variable an earlier value back, unless it has it. */
export function restore(variable: tf.Variable, value: tf.Tensor): void {
  if (!variable.isDisposed && variable.dataId !== value.dataId) variable.assign(value);
}
