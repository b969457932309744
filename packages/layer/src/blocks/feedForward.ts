import { linear, swiglu, type ExpertActivation } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import { parameter, type ParameterRecord } from '../parameters/ParameterRecord.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';

/** Parameters of an MLP of width d with hidden width f; with `numExperts`, of that many, stacked on axis 0. */
export function feedForwardSpecs(
  d: number,
  f: number,
  activation: ExpertActivation,
  numExperts?: number,
): ParameterSpecs {
  const stack = numExperts === undefined ? [] : [numExperts];
  if (activation === 'swiglu') {
    return {
      gate: { shape: [...stack, d, f], initial: 'normal' },
      up: { shape: [...stack, d, f], initial: 'normal' },
      down: { shape: [...stack, f, d], initial: 'residual' },
    };
  }
  return {
    w1: { shape: [...stack, d, f], initial: 'normal' },
    b1: { shape: [...stack, f], initial: 'zeros' },
    w2: { shape: [...stack, f, d], initial: 'residual' },
    b2: { shape: [...stack, d], initial: 'zeros' },
  };
}

/** The MLP: x (..., d) -> (..., d). */
export function feedForward<T extends tf.Tensor>(x: T, parameters: ParameterRecord, activation: ExpertActivation): T {
  const weight = (name: string) => parameter<tf.Tensor2D>(parameters, name);
  const bias = (name: string) => parameter<tf.Tensor1D>(parameters, name);
  if (activation === 'swiglu') return swiglu(x, weight('gate'), weight('up'), weight('down')) as T;
  return linear(linear(x, weight('w1'), bias('b1'), { activation }), weight('w2'), bias('b2')) as T;
}
