import { layerNorm, rmsNorm } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { parameter, type ParameterRecord } from '../parameters/ParameterRecord.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';

/** LayerNorm; RMSNorm; or RMSNorm whose factors are 1 + weight (`zeroCentredRms`, as Gemma and Qwen3-Next have it). */
export type NormKind = 'layer' | 'rms' | 'zeroCentredRms';

/** Which norm, and the epsilon under its square root. */
export interface NormOptions {
  norm: NormKind;
  normEpsilon: number;
}

/** Parameters of a norm over `size` elements: `weight`, and `bias` for a layer norm. */
export function normSpecs(size: number, norm: NormKind): ParameterSpecs {
  const weight = { shape: [size], initial: norm === 'zeroCentredRms' ? ('zeros' as const) : ('ones' as const) };
  return norm === 'layer' ? { weight, bias: { shape: [size], initial: 'zeros' } } : { weight };
}

/** LayerNorm or RMSNorm over the last axis. x (..., d) with `weight` (d) and, for LayerNorm, `bias` (d). */
export function normalize<T extends tf.Tensor>(x: T, parameters: ParameterRecord, options: NormOptions): T {
  const weight = parameter<tf.Tensor1D>(parameters, 'weight');
  const epsilon = options.normEpsilon;
  if (options.norm === 'rms') return rmsNorm(x, weight, { epsilon }) as T;
  if (options.norm === 'zeroCentredRms') return rmsNorm(x, tf.add(weight, 1), { epsilon }) as T;
  return layerNorm(x, weight, parameter<tf.Tensor1D>(parameters, 'bias'), { epsilon }) as T;
}
