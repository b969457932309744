import type { KernelCost } from '@scmoe/scheduler';
import { linear } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { Mix } from '../config/MoeConfig.js';
import type { CostContext } from '../cost/CostContext.js';
import { parameter, type ParameterRecord } from '../parameters/ParameterRecord.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';

export function mixSpecs(size: number, mix: Mix): ParameterSpecs {
  if (mix === 'add') return {};
  return { weight: { shape: [size, mix === 'cg1' ? 1 : 2], initial: 'normal' } };
}

/**
 * Coefficients of the shared and the routed output from u (..., d), the normalised activation of the current layer:
 * `cg1` (..., 1) for the shared one, `cg2` (..., 2) for both; nothing for `add`. Paper, section 3.3.
 */
export function mixCoefficients(u: tf.Tensor, parameters: ParameterRecord, mix: Mix): tf.Tensor | undefined {
  if (mix === 'add') return undefined;
  const scores = linear(u, parameter<tf.Tensor2D>(parameters, 'weight'));
  return mix === 'cg1' ? tf.sigmoid(scores) : tf.softmax(scores);
}

/** Their cost, beside the shared expert, which reads u already. */
export function mixCoefficientsCost(of: CostContext, mix: Mix): KernelCost[] {
  return mix === 'add' ? [] : [of.linear(of.d, mix === 'cg1' ? 1 : 2, { innerInput: true })];
}

/** c_s * shared alone, (..., d): what needs no routed output. */
export function mixShared<T extends tf.Tensor>(shared: T, coefficients: tf.Tensor | undefined): T {
  return coefficients ? tf.mul(shared, coefficientOf(coefficients, 0)) : shared;
}

/** c_r * routed alone, (..., d). */
export function mixRouted<T extends tf.Tensor>(routed: T, coefficients: tf.Tensor | undefined): T {
  return coefficients?.shape.at(-1) === 2 ? tf.mul(routed, coefficientOf(coefficients, 1)) : routed;
}

/** One of the coefficients (..., 1 or 2), as (..., 1). */
function coefficientOf(coefficients: tf.Tensor, index: number): tf.Tensor {
  return coefficients.shape.at(-1) === 1 ? coefficients : tf.split(coefficients, 2, -1)[index]!;
}

/** c_s * shared + c_r * routed, both (..., d). */
export function mixOutputs<T extends tf.Tensor>(shared: T, routed: T, coefficients: tf.Tensor | undefined): T {
  if (!coefficients) return tf.add(shared, routed);
  if (coefficients.shape.at(-1) === 1) return tf.add(tf.mul(shared, coefficients), routed);
  const [ofShared, ofRouted] = tf.split(coefficients, 2, -1) as [tf.Tensor, tf.Tensor];
  return tf.add(tf.mul(shared, ofShared), tf.mul(routed, ofRouted));
}
