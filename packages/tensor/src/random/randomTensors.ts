import { expectWholeNumber } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { fillPhilox } from './philox.js';

/** Which numbers of the random sequence a tensor is made of. */
export interface RandomOptions {
  seed: number;
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
  return fromBlocks(shape, { seed, stream, offset }, (words, values, start) => {
    const length = Math.min(chunk, values.length - start);
    for (let i = 0; i < length; i++) values[start + i] = (words[i]! >>> 8) * 2 ** -24;
  });
}

/**
 * Normal numbers: elements 2j and 2j+1 are the Box-Muller pair of words 2j and 2j+1 of the Philox sequence (seed,
 * stream). Computed on the host in float64 and rounded once, so they are the same on every backend.
 *
 * @returns float32 tensor of the given shape.
 */
export function randomNormal(
  shape: number[],
  { seed, stream = 0, offset = 0, mean = 0, standardDeviation = 1 }: RandomNormalOptions,
): tf.Tensor {
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

/** Fills a tensor from element `offset` of a sequence on: `fill` makes values[start ...] of a chunk of its words. */
function fromBlocks(
  shape: number[],
  { seed, stream, offset }: Required<RandomOptions>,
  fill: (words: Uint32Array, values: Float32Array, start: number) => void,
): tf.Tensor {
  expectWholeNumber('seed', seed);
  expectWholeNumber('stream', stream);
  expectWholeNumber('offset', offset);
  const skipped = offset % 4; // of the first block, which is made whole: normal numbers come in pairs
  const values = new Float32Array(skipped + tf.util.sizeFromShape(shape));
  const words = new Uint32Array(chunk);
  for (let start = 0; start < values.length; start += chunk) {
    const needed = Math.min(chunk, Math.ceil((values.length - start) / 4) * 4); // many tensors are far smaller
    fillPhilox(words.subarray(0, needed), seed, stream, (offset - skipped + start) / 4);
    fill(words, values, start);
  }
  return tf.tensor(skipped > 0 ? values.slice(skipped) : values, shape, 'float32');
}
