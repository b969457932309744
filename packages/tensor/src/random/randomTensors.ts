import { expectWholeNumber } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { hasFused, runFusedOne } from '../ops/runFused.js';
import { fillPhilox } from './philox.js';
import { expectSeed, seedNumber, seedTensor, type Seed } from './Seed.js';

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

/** How many words are made at a time: the scratch stays in the first-level cache. */
const chunk = 4096;

/**
 * Uniform numbers in [0, 1), multiples of 2^-24: element i is made of word i of the Philox sequence (seed, stream), so
 * they are the same on every backend and every machine.
 *
 * @returns float32 tensor of the given shape.
 */
export function randomUniform(shape: number[], { seed, stream = 0, offset = 0 }: RandomOptions): tf.Tensor {
  check({ seed, stream, offset });
  if (hasFused(randomUniformKernel)) return onDevice(randomUniformKernel, seed, { shape, stream, offset });
  return fromBlocks(shape, { seed, stream, offset }, (words, values, start) => {
    const length = Math.min(chunk, values.length - start);
    for (let i = 0; i < length; i++) values[start + i] = (words[i]! >>> 8) * 2 ** -24;
  });
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
  check({ seed, stream, offset });
  if (hasFused(randomNormalKernel)) {
    return onDevice(randomNormalKernel, seed, { shape, stream, offset, mean, standardDeviation });
  }
  return fromBlocks(shape, { seed, stream, offset }, (words, values, start) => {
    // Writes past the end, for an odd length, are ignored by the typed array.
    const length = Math.min(chunk, values.length - start);
    for (let i = 0; i < length; i += 2) {
      const radius = standardDeviation * Math.sqrt(-2 * Math.log((words[i]! + 1) * 2 ** -32));
      const angle = 2 * Math.PI * 2 ** -32 * words[i + 1]!;
      values[start + i] = mean + radius * Math.cos(angle);
      values[start + i + 1] = mean + radius * Math.sin(angle);
    }
  });
}

function check({ seed, stream, offset }: Required<RandomOptions>): void {
  expectSeed('seed', seed);
  expectWholeNumber('stream', stream);
  expectWholeNumber('offset', offset);
}

function onDevice(
  kernelName: string,
  seed: Seed,
  attributes: RandomUniformAttributes | RandomNormalAttributes,
): tf.Tensor {
  return tf.tidy(() => {
    const input = seed instanceof tf.Tensor ? seed : seedTensor(seed);
    return runFusedOne(kernelName, { seed: input }, attributes);
  });
}

/** Fills a tensor from element `offset` of a sequence on: `fill` makes values[start ...] of a chunk of its words. */
function fromBlocks(
  shape: number[],
  { seed, stream, offset }: Required<RandomOptions>,
  fill: (words: Uint32Array, values: Float32Array, start: number) => void,
): tf.Tensor {
  const key = seedNumber(seed);
  const skipped = offset % 4; // of the first block, which is made whole: normal numbers come in pairs
  const values = new Float32Array(skipped + tf.util.sizeFromShape(shape));
  const words = new Uint32Array(chunk);
  for (let start = 0; start < values.length; start += chunk) {
    const needed = Math.min(chunk, Math.ceil((values.length - start) / 4) * 4); // many tensors are far smaller
    fillPhilox(words.subarray(0, needed), key, stream, (offset - skipped + start) / 4);
    fill(words, values, start);
  }
  return tf.tensor(skipped > 0 ? values.slice(skipped) : values, shape, 'float32');
}
