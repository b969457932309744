import * as tf from '@tensorflow/tfjs';

/**
 * Comparisons are constant almost everywhere: gradients of zero. TF.js knows this of GreaterEqual alone and throws for
 * the others. Logic on what they give keeps having no gradient, which TF.js's own tests ask for; `valueAndGrads` never
 * gets there, because it follows no booleans.
 */
export const comparisonGradients: tf.GradConfig[] = [
  'Equal',
  'NotEqual',
  'Greater',
  'GreaterEqual',
  'Less',
  'LessEqual',
].map(zeroGradient);

function zeroGradient(kernelName: string): tf.GradConfig {
  return {
    kernelName,
    inputsToSave: ['a', 'b'],
    gradFunc: (_dy, [a, b]) => ({ a: () => tf.zeros(a!.shape), b: () => tf.zeros(b!.shape) }),
  };
}
