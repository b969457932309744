import * as tf from '@tensorflow/tfjs';

/**
 * Comparisons and logic are constant almost everywhere: gradients of zero. TF.js knows this of GreaterEqual alone and
 * throws for the others.
 */
export const comparisonGradients: tf.GradConfig[] = [
  ...['Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual', 'LogicalAnd', 'LogicalOr'].map((name) =>
    zeroGradient(name, ['a', 'b']),
  ),
  zeroGradient('LogicalNot', ['x']),
];

function zeroGradient(kernelName: string, inputNames: string[]): tf.GradConfig {
  return {
    kernelName,
    inputsToSave: inputNames,
    gradFunc: (_dy, saved) => Object.fromEntries(inputNames.map((name, i) => [name, () => tf.zeros(saved[i]!.shape)])),
  };
}
