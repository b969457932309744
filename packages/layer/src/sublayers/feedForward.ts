import { mlpCost, type KernelCost } from '@scmoe/scheduler';
import {
  activateComposed,
  gluComposed,
  linear,
  mlp,
  swiglu,
  type ClampedGlu,
  type ExpertActivation,
} from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { isFrozen, project } from '../adapters/project.js';
import type { CostContext } from '../cost/CostContext.js';
import { parameter, type ParameterRecord } from '../parameters/ParameterRecord.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import type { TensorGroup } from '../tensorParallel/TensorGroup.js';

export interface FeedForwardOptions {
  /** Default: yes, with `swiglu` no. */
  bias?: boolean;
  /** The form of `swiglu` that gpt-oss has. Default: the plain one. */
  clampedGlu?: ClampedGlu;
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

/**
 * The MLP: x (..., d) -> (..., d).
 *
 * @param tensor the ranks that share its hidden width out, of which the parameters are one's slice: the sum over them comes
 *   out, on every rank. Default: it is here as a whole.
 */
export function feedForward<T extends tf.Tensor>(
  x: T,
  parameters: ParameterRecord,
  activation: ExpertActivation,
  { tensor, ...options }: FeedForwardOptions & { tensor?: TensorGroup } = {},
): T {
  if (!tensor || tensor.size === 1) return wholeFeedForward(x, parameters, activation, options);
  const { bias = activation !== 'swiglu' } = options;
  const last = activation === 'swiglu' ? 'downBias' : 'b2';
  // The bias of the output counts once, behind the sum.
  const { [last]: outputBias, ...slice } = parameters;
  const sum = tensor.sum(wholeFeedForward(tensor.enter(x), slice, activation, { ...options, outputBias: false }));
  return bias ? tf.add(sum, outputBias ?? parameter(parameters, last)) : sum;
}

function wholeFeedForward<T extends tf.Tensor>(
  x: T,
  parameters: ParameterRecord,
  activation: ExpertActivation,
  { bias = activation !== 'swiglu', outputBias = bias, clampedGlu }: FeedForwardOptions & { outputBias?: boolean } = {},
): T {
  const weight = (name: string) => parameter<tf.Tensor2D>(parameters, name);
  const offset = (name: string, has = bias) => (has ? parameter<tf.Tensor1D>(parameters, name) : undefined);
  // Of a frozen weight the activation reads the sum with its adapter, which the fused product has not.
  const activated = (name: string, biasName: string, by: Exclude<ExpertActivation, 'swiglu'>) =>
    isFrozen(weight(name))
      ? activateComposed(project(x, weight(name), offset(biasName)), by)
      : linear(x, weight(name), offset(biasName), { activation: by });
  if (activation !== 'swiglu') {
    const [w1, w2] = [weight('w1'), weight('w2')];
    if (!isFrozen(w1, w2)) {
      const weights = { w1, b1: offset('b1'), w2, b2: offset('b2', outputBias) };
      return mlp(x, weights, { activation }) as T;
    }
    return project(activated('w1', 'b1', activation), w2, offset('b2', outputBias)) as T;
  }
  const [gate, up, down] = [weight('gate'), weight('up'), weight('down')];
  if (!bias && !clampedGlu && !isFrozen(gate, up, down)) return swiglu(x, gate, up, down) as T;
  const raised = project(x, up, offset('upBias'));
  if (clampedGlu) {
    const clamped = gluComposed(project(x, gate, offset('gateBias')), raised, clampedGlu);
    return project(clamped, down, offset('downBias', outputBias)) as T;
  }
  const gated = activated('gate', 'gateBias', 'silu');
  return project(tf.mul(gated, raised), down, offset('downBias', outputBias)) as T;
}

/** What an MLP of hidden width f costs. */
export function feedForwardCost(
  of: CostContext,
  f: number,
  { activation, ffnBias: bias }: { activation: ExpertActivation; ffnBias: boolean },
): KernelCost[] {
  return mlpCost(of, f, { gated: activation === 'swiglu', bias });
}
