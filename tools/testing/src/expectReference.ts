import * as tf from '@tensorflow/tfjs';

import { relativeError } from './compare.js';
import type { Reference } from './reference.js';

/**
 * Largest allowed difference in units of a tensor's largest magnitude. The reference is float64 rounded once; PyTorch in
 * plain float32 is within 1e-6 (outputs) and 4e-6 (gradients) of it, and another order of the same float32 sums can be
 * a few times worse. A wrong formula is off by 1e-2 or more.
 */
export const tolerance = { outputs: 1e-5, gradients: 5e-5 };

/** The tensors of a case below a prefix: `param.`, `input.`, `grad.`. */
export function tensorsOf(reference: Reference, prefix: string): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries(reference.tensors)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );
}

export function expectOutput(reference: Reference, name: string, actual: tf.Tensor): void {
  const expected = reference.tensors[`output.${name}`]!;
  const error = relativeError(actual.reshape(expected.shape), expected);
  if (!(error <= tolerance.outputs)) throw new Error(`output '${name}' is off by ${error}`);
}

/**
 * Compares the gradients of `loss` with those of the case. `loss` is called with the tensors of `inputs` as variables.
 * A gradient that is zero in exact arithmetic (a key bias without RoPE) is compared in units of the largest of the case.
 */
export function expectGradients(
  reference: Reference,
  names: string[],
  loss: (inputs: Record<string, tf.Tensor>) => tf.Scalar,
): void {
  const tensors = names.map((name) => reference.tensors[name]!);
  const gradients = tf.grads((...values: tf.Tensor[]) =>
    loss(Object.fromEntries(names.map((name, i) => [name, values[i]!]))),
  )(tensors);
  const expected = names.map((name) => reference.tensors[`grad.${name}`]!);
  const sizes = expected.map((gradient) => gradient.abs().max().dataSync()[0]!);
  const largest = Math.max(...sizes);
  names.forEach((name, i) => {
    const zero = sizes[i]! < 1e-12 * largest;
    const error = relativeError(gradients[i]!, expected[i]!, zero ? largest : undefined);
    if (!(error <= tolerance.gradients)) throw new Error(`gradient of '${name}' is off by ${error}`);
  });
}
