import { mlpCost, type KernelCost } from '@scmoe/scheduler';
import { linear, swiglu, type ExpertActivation } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { CostContext } from '../cost/CostContext.js';
import { parameter, type ParameterRecord } from '../parameters/ParameterRecord.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';

export interface FeedForwardOptions {
  /** Default: yes, with `swiglu` no. */
  bias?: boolean;
}

/** Parameters of an MLP of width d with hidden width f; with `numExperts`, of that many, stacked on axis 0. */
export function feedForwardSpecs(
  d: number,
  f: number,
  activation: ExpertActivation,
  { numExperts, bias = activation !== 'swiglu' }: FeedForwardOptions & { numExperts?: number } = {},
): ParameterSpecs {
  const stack = numExperts === undefined ? [] : [numExperts];
  const zeros = (size: number) => ({ shape: [...stack, size], initial: 'zeros' as const });
  if (activation === 'swiglu') {
    return {
      gate: { shape: [...stack, d, f], initial: 'normal' },
      up: { shape: [...stack, d, f], initial: 'normal' },
      down: { shape: [...stack, f, d], initial: 'residual' },
      ...(bias && { gateBias: zeros(f), upBias: zeros(f), downBias: zeros(d) }),
    };
  }
  return {
    w1: { shape: [...stack, d, f], initial: 'normal' },
    ...(bias && { b1: zeros(f) }),
    w2: { shape: [...stack, f, d], initial: 'residual' },
    ...(bias && { b2: zeros(d) }),
  };
}

/** The MLP: x (..., d) -> (..., d). */
export function feedForward<T extends tf.Tensor>(
  x: T,
  parameters: ParameterRecord,
  activation: ExpertActivation,
  { bias = activation !== 'swiglu' }: FeedForwardOptions = {},
): T {
  const weight = (name: string) => parameter<tf.Tensor2D>(parameters, name);
  const offset = (name: string) => (bias ? parameter<tf.Tensor1D>(parameters, name) : undefined);
  if (activation !== 'swiglu') {
    const hidden = linear(x, weight('w1'), offset('b1'), { activation });
    return linear(hidden, weight('w2'), offset('b2')) as T;
  }
  if (!bias) return swiglu(x, weight('gate'), weight('up'), weight('down')) as T;
  const gated = linear(x, weight('gate'), offset('gateBias'), { activation: 'silu' });
  const raised = linear(x, weight('up'), offset('upBias'));
  return linear(tf.mul(gated, raised), weight('down'), offset('downBias')) as T;
}

/** What an MLP of hidden width f costs. */
export function feedForwardCost(
  of: CostContext,
  f: number,
  { activation, ffnBias: bias }: { activation: ExpertActivation; ffnBias: boolean },
): KernelCost[] {
  return mlpCost(of, f, { gated: activation === 'swiglu', bias });
}
