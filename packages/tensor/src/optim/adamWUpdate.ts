import * as tf from '@tensorflow/tfjs';

import { runFused } from '../ops/runFused.js';
import { roundAtRandom, type RoundingKeys } from './roundAtRandom.js';
import { inTiles } from './tiles.js';

export const adamWKernel = 'ScmoeAdamW';
/** The same by rates that are a tensor. */
export const adamWByRatesKernel = 'ScmoeAdamWByRates';
/** The same with moments in bfloat16. */
export const adamWRoundedKernel = 'ScmoeAdamWRounded';

/** What the kernel receives besides tensors; `keep[i]` = 1 - learningRate * decay of parameter i. */
export interface AdamWAttributes {
  keep: number[];
  beta1: number;
  beta2: number;
  epsilon: number;
  /** learningRate / (1 - beta1^t) */
  stepSize: number;
  /** 1 / sqrt(1 - beta2^t) */
  rootCorrection: number;
}

/** What the kernel of moments in bfloat16 receives: of each parameter by what they are rounded, and from which place on. */
export interface AdamWRoundedAttributes extends AdamWAttributes {
  keys: RoundingKeys[];
  firsts: number[];
}

/** What that kernel receives beside its rates; `decays[i]` is 1 where parameter i decays, else 0. */
export interface AdamWByRatesAttributes extends Pick<AdamWAttributes, 'beta1' | 'beta2' | 'epsilon'> {
  decays: number[];
  weightDecay: number;
}

/** What changes an update from step to step, as numbers of this step or as scalars on the device. */
export interface AdamWRates {
  keep: readonly (number | tf.Tensor)[];
  stepSize: number | tf.Tensor;
  rootCorrection: number | tf.Tensor;
}

/** One parameter's tensors, all of one shape. */
export interface AdamWSlot<State extends tf.Tensor = tf.Variable> {
  parameter: State;
  gradient: tf.Tensor;
  m: State;
  v: State;
}

/**
 * Updates all parameters in one kernel.
 *
 * @returns new parameters, then new m, then new v, in the order of `slots`; nothing where all of them are written over in place
 */
export function adamWFused(
  kernelName: string,
  slots: readonly AdamWSlot[],
  attributes: AdamWAttributes | AdamWByRatesAttributes,
  others: Record<string, tf.Tensor> = {},
): tf.Tensor[] {
  const inputs: Record<string, tf.Tensor> = {};
  for (const [i, { parameter, gradient, m, v }] of slots.entries()) {
    inputs[`p${i}`] = parameter;
    inputs[`g${i}`] = gradient;
    inputs[`m${i}`] = m;
    inputs[`v${i}`] = v;
  }
  return runFused(kernelName, { ...inputs, ...others }, attributes);
}

/**
 * The update of parameter number `index` from plain TF.js ops, in tiles: it makes ten times as much on the way as it keeps.
 *
 * @returns the new parameter, m and v
 */
export function adamWComposed(
  { parameter, gradient, m, v }: AdamWSlot<tf.Tensor>,
  index: number,
  {
    keep,
    beta1,
    beta2,
    epsilon,
    stepSize,
    rootCorrection,
  }: AdamWRates & Pick<AdamWAttributes, 'beta1' | 'beta2' | 'epsilon'>,
  { gradScale, tileValues }: { gradScale?: tf.Tensor; tileValues: number },
): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const update = (...[ownParameter, ownGradient, ownM, ownV]: [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]) => {
    const g = gradScale ? tf.mul(ownGradient, tf.reshape(gradScale, [])) : ownGradient;
    const newM = tf.add(tf.mul(ownM, beta1), tf.mul(g, 1 - beta1));
    const newV = tf.add(tf.mul(ownV, beta2), tf.mul(tf.square(g), 1 - beta2));
    const change = tf.div(tf.mul(newM, stepSize), tf.add(tf.mul(tf.sqrt(newV), rootCorrection), epsilon));
    return [tf.sub(tf.mul(ownParameter, keep[index]!), change), newM, newV];
  };
  return inTiles([parameter, gradient, m, v], update, tileValues) as [tf.Tensor, tf.Tensor, tf.Tensor];
}

/** The update of parameter number `index` whose moments are kept in bfloat16. @returns as `adamWComposed` */
export function adamWRoundedComposed(
  slot: AdamWSlot<tf.Tensor>,
  index: number,
  attributes: AdamWRoundedAttributes,
  options: { gradScale?: tf.Tensor; tileValues: number },
): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const [parameter, m, v] = adamWComposed(slot, index, attributes, options);
  const at = { keys: attributes.keys[index]!, first: attributes.firsts[index]! };
  return [parameter, rounded(m, { ...at, half: 'upper' }), rounded(v, { ...at, half: 'lower' })];
}

/** The same numbers as bfloat16 has them, in place of the tensor, which is disposed. */
function rounded(x: tf.Tensor, how: Parameters<typeof roundAtRandom>[1]): tf.Tensor {
  const result = tf.tensor(roundAtRandom(x.dataSync() as Float32Array, how), x.shape);
  x.dispose();
  return result;
}
