import * as tf from '@tensorflow/tfjs';

/**
 * Whether the current backend has its own kernel of this name; where not, an op composes it from TF.js ops
 * (docs/decisions.md#composed-twin).
 */
export function hasFused(kernelName: string): boolean {
  return tf.getKernel(kernelName, tf.getBackend()) != null;
}

/** Runs a fused kernel with several outputs; gradients come from the registration under the same name. */
export function runFused(kernelName: string, inputs: Record<string, tf.Tensor>, attributes: object = {}): tf.Tensor[] {
  const result = tf.engine().runKernel<tf.Tensor | tf.Tensor[]>(kernelName, inputs, attributes as tf.NamedAttrMap);
  return Array.isArray(result) ? result : [result];
}

/** Runs a fused kernel with one output. */
export function runFusedOne(kernelName: string, inputs: Record<string, tf.Tensor>, attributes: object = {}): tf.Tensor {
  return runFused(kernelName, inputs, attributes)[0]!;
}

/**
 * What a fused operation's registered gradient gives: one backward kernel, its outputs by the names of the inputs.
 *
 * The kernel runs at once, not on demand: TF.js runs each returned function in a tidy of its own, which would free the
 * other outputs of a kernel that one of them started.
 */
export function fusedGradients(
  kernelName: string,
  names: readonly string[],
  inputs: Record<string, tf.Tensor>,
  attributes: object = {},
): Record<string, () => tf.Tensor> {
  const gradients = runFused(kernelName, inputs, attributes);
  return Object.fromEntries(names.map((name, i) => [name, () => gradients[i]!]));
}

/** The gradient of a kernel's first output; the others are for its backward pass only and never have one. */
export function firstGradient(dy: tf.Tensor | tf.Tensor[]): tf.Tensor {
  return Array.isArray(dy) ? dy[0]! : dy;
}
