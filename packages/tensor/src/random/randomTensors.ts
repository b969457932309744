import { expectWholeNumber } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { hasFused, runFusedOne } from '../ops/runFused.js';
import { fillNormal, fillUniform } from './fillRandom.js';
import { expectSeed, seedNumber, tensorOfSeed, type Seed } from './Seed.js';

/** Kernels of backends that make these numbers where the tensor lies; elsewhere the host makes them. */
export const randomUniformKernel = 'ScmoeRandomUniform';
/** The same of normal numbers. */
export const randomNormalKernel = 'ScmoeRandomNormal';

/** Attributes of `randomUniformKernel`, whose one input is `seed`, int32 (2). */
export interface RandomUniformAttributes {
  shape: readonly number[];
  stream: number;
  offset: number;
}

/** Attributes of `randomNormalKernel`. */
export interface RandomNormalAttributes extends RandomUniformAttributes {
  mean: number;
  standardDeviation: number;
}

/** Which numbers of the random sequence a tensor is made of. */
export interface RandomOptions {
  seed: Seed;
  /** Separates the uses of one seed: each parameter, each layer's dropout. */
  stream?: number;
  /** Elements of the sequence to leave out before the first: part of a larger tensor without making all of it. */
  offset?: number;
}

/** Options of `randomNormal`; the standard normal distribution where nothing else is said. */
export interface RandomNormalOptions extends RandomOptions {
  mean?: number;
  standardDeviation?: number;
}

/**
 * Uniform numbers in [0, 1), multiples of 2^-24: element i is made of word i of the Philox sequence (seed, stream), so
 * they are the same on every backend and every machine.
 *
 * @returns float32 tensor of the given shape.
 */
export function randomUniform(shape: number[], { seed, stream = 0, offset = 0 }: RandomOptions): tf.Tensor {
  check(shape, { seed, stream, offset });
  if (hasFused(randomUniformKernel)) return onDevice(randomUniformKernel, seed, { shape, stream, offset });
  return ofHost(shape, (values) => fillUniform(values, { seed: seedNumber(seed), stream, offset }));
}

/**
 * Normal numbers: elements 2j and 2j+1 are the Box-Muller pair of words 2j and 2j+1 of the Philox sequence (seed,
 * stream). Computed in float64 and rounded once: the same on every backend,
 * but for a last bit where a backend has its own logarithm or cosine.
 *
 * @returns float32 tensor of the given shape.
 */
export function randomNormal(
  shape: number[],
  { seed, stream = 0, offset = 0, mean = 0, standardDeviation = 1 }: RandomNormalOptions,
): tf.Tensor {
  check(shape, { seed, stream, offset });
  if (hasFused(randomNormalKernel)) {
    return onDevice(randomNormalKernel, seed, { shape, stream, offset, mean, standardDeviation });
  }
  return ofHost(shape, (values) =>
    fillNormal(values, { seed: seedNumber(seed), stream, offset, mean, standardDeviation }),
  );
}

function check(shape: readonly number[], { seed, stream, offset }: Required<RandomOptions>): void {
  for (const [axis, size] of shape.entries()) expectWholeNumber(`shape[${axis}]`, size);
  expectSeed('seed', seed);
  expectWholeNumber('stream', stream);
  expectWholeNumber('offset', offset);
}

function onDevice(
  kernelName: string,
  seed: Seed,
  attributes: RandomUniformAttributes | RandomNormalAttributes,
): tf.Tensor {
  return tf.tidy(() => runFusedOne(kernelName, { seed: tensorOfSeed(seed) }, attributes));
}

function ofHost(shape: number[], fill: (values: Float32Array) => void): tf.Tensor {
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  fill(values);
  return tf.tensor(values, shape, 'float32');
}
