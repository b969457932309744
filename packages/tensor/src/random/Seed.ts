import { ArgumentError, expectWholeNumber } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { expectDtype, expectShape } from '../ops/check.js';

/**
 * What random numbers are made from: a whole number from 0 to 2^53 - 1, or the tensor of one that `seedTensor` makes, for a step
 * that is recorded once and run with many seeds.
 */
export type Seed = number | tf.Tensor;

/** A seed as a tensor: int32 (2), its low and its high 32 bits. */
export function seedTensor(seed: number): tf.Tensor1D {
  expectWholeNumber('seed', seed);
  return tf.tensor1d([seed | 0, Math.floor(seed / 2 ** 32) | 0], 'int32');
}

/** A seed as the input of a kernel: made in the tidy where it is a number. */
export function tensorOfSeed(seed: Seed): tf.Tensor {
  return seed instanceof tf.Tensor ? seed : seedTensor(seed);
}

/** Checks a seed. @throws ArgumentError naming `name` */
export function expectSeed(name: string, seed: Seed): void {
  if (!(seed instanceof tf.Tensor)) {
    expectWholeNumber(name, seed);
    return;
  }
  const [op = '', argument = op] = name.split(': ');
  expectDtype(op, argument, seed, 'int32');
  expectShape(op, argument, seed, [2], 'as seedTensor makes it');
}

/** A seed as a number; of a tensor it is read, which waits for it. @throws ArgumentError where it is negative or beyond 2^53 */
export function seedNumber(seed: Seed): number {
  if (!(seed instanceof tf.Tensor)) return seed;
  const [low, high] = seed.dataSync<'int32'>();
  const number = (high! >>> 0) * 2 ** 32 + (low! >>> 0);
  if (!Number.isSafeInteger(number)) throw new ArgumentError(`seed: expected a whole number below 2^53, got ${number}`);
  return number;
}
