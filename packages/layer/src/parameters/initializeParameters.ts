import { randomNormal, randomUniform } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { ParameterSpec, ParameterSpecs } from './ParameterSpec.js';

/** Deviation of GPT-2's weights. */
const defaultDeviation = 0.02;

/** Options of `initializeParameters`. */
export interface InitializationOptions {
  seed: number;
  /** Standard deviation of `normal` weights; GPT-2's 0.02 by default. */
  standardDeviation?: number;
  /** Factor on the deviation of `residual` weights; GPT-2 takes 1/sqrt(number of residual additions). */
  residualScale?: number;
}

/**
 * A fresh tensor for each parameter. Depends on seed, name and shape alone: other parameters do not change it. A part of
 * a parameter has the numbers that it has in the whole, of which nothing else is made, or what it is a slice of.
 */
export function initializeParameters(specs: ParameterSpecs, options: InitializationOptions): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [name, initializeParameter(name, spec, options)]),
  );
}

/** A fresh tensor for the parameter `name`. */
export function initializeParameter(name: string, spec: ParameterSpec, options: InitializationOptions): tf.Tensor {
  const { shape, slice, initial } = spec;
  if (!slice || initial === 'zeros' || initial === 'ones') return initializeUncut(name, spec, options);
  const { axis, rank, size } = slice;
  const whole = shape.map((extent, i) => (i === axis ? extent * size : extent));
  const begin = shape.map((extent, i) => (i === axis ? extent * rank : 0));
  return tf.tidy(() => tf.slice(initializeUncut(name, { ...spec, shape: whole }, options), begin, shape));
}

function initializeUncut(
  name: string,
  { shape, initial, part, range = [0, 1], standardDeviation: own }: ParameterSpec,
  { seed, standardDeviation = defaultDeviation, residualScale = 1 }: InitializationOptions,
): tf.Tensor {
  if (initial === 'zeros') return tf.zeros(shape);
  if (initial === 'ones') return tf.ones(shape);
  const scale = initial === 'residual' ? residualScale : 1;
  const entrySize = shape.slice(1).reduce((product, length) => product * length, 1);
  const sequence = { seed, stream: hash(name), offset: (part?.first ?? 0) * entrySize };
  if (initial === 'uniform') {
    const [least, most] = range;
    return tf.tidy(() => tf.add(tf.mul(randomUniform(shape, sequence), most - least), least));
  }
  return randomNormal(shape, {
    ...sequence,
    standardDeviation: (own ?? standardDeviation) * scale,
  });
}

/** FNV-1a, 32 bits: gives each name a random stream of its own. */
function hash(name: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 0x01000193);
  return state >>> 0;
}
