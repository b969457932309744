import * as tf from '@tensorflow/tfjs';

/** Whether the current backend has its own kernel of this name; where not, an op composes it from TF.js ops. */
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
