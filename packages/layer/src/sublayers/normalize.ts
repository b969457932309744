import { layerNorm, rmsNorm } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import { parameter, type ParameterRecord } from '../parameters/ParameterRecord.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';

/** Which norm, and the epsilon under its square root. */
export interface NormOptions {
  norm: 'layer' | 'rms';
  normEpsilon: number;
}

/** Parameters of a norm over `size` elements: `weight`, and `bias` for a layer norm. */
export function normSpecs(size: number, norm: 'layer' | 'rms'): ParameterSpecs {
  const weight = { shape: [size], initial: 'ones' as const };
  return norm === 'rms' ? { weight } : { weight, bias: { shape: [size], initial: 'zeros' } };
}

/** LayerNorm or RMSNorm over the last axis. x (..., d) with `weight` (d) and, for LayerNorm, `bias` (d). */
export function normalize<T extends tf.Tensor>(x: T, parameters: ParameterRecord, options: NormOptions): T {
  const weight = parameter<tf.Tensor1D>(parameters, 'weight');
  const epsilon = options.normEpsilon;
  if (options.norm === 'rms') return rmsNorm(x, weight, { epsilon }) as T;
  return layerNorm(x, weight, parameter<tf.Tensor1D>(parameters, 'bias'), { epsilon }) as T;
}
