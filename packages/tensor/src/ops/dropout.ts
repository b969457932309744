import { expectThat, expectWholeNumber } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { randomUniform } from '../random/randomTensors.js';
import { expectSeed, tensorOfSeed, type Seed } from '../random/Seed.js';
import { expectDtype } from './check.js';
import { hasFused, runFusedOne } from './runFused.js';

export const dropoutKernel = 'ScmoeDropout';

/** Options of `dropout`. */
export interface DropoutOptions {
  /** Share of elements that become 0; the others are scaled by 1 / (1 - rate). */
  rate: number;
  /** The mask is a function of (seed, stream) and the element's index: the same on every backend, and again in backward. */
  seed: Seed;
  stream?: number;
}

/**
 * Inverted dropout (Srivastava et al., 2014) with counter-based random numbers: element i stays where word i of the
 * Philox sequence (seed, stream), as a number in [0, 1), is at least `rate`. No mask is kept.
 *
 * @param x any shape, float32
 * @returns like x
 * @throws ArgumentError where an option is out of range
 */
export function dropout(x: tf.Tensor, { rate, seed, stream = 0 }: DropoutOptions): tf.Tensor {
  expectDtype('dropout', 'x', x, 'float32');
  expectThat(rate >= 0 && rate < 1, 'dropout: rate', 'a number >= 0 and < 1', rate);
  expectSeed('dropout: seed', seed);
  expectWholeNumber('dropout: stream', stream);
  if (rate === 0) return x.clone();
  if (!hasFused(dropoutKernel)) return dropoutComposed(x, { rate, seed, stream });
  return tf.tidy(() => runFusedOne(dropoutKernel, { x, seed: tensorOfSeed(seed) }, { rate, stream }));
}

/** The same from plain TF.js ops; the mask is made on the host, unless the backend makes random numbers itself. */
export function dropoutComposed(x: tf.Tensor, { rate, seed, stream = 0 }: DropoutOptions): tf.Tensor {
  return tf.tidy(() => {
    const kept = tf.greaterEqual(randomUniform(x.shape, { seed, stream }), rate);
    return tf.mul(x, tf.mul(tf.cast(kept, 'float32'), 1 / (1 - rate)));
  });
}

tf.registerGradient({
  kernelName: dropoutKernel,
  inputsToSave: ['seed'],
  gradFunc: (dy, [seed], attributes) => ({
    x: () => runFusedOne(dropoutKernel, { x: dy as tf.Tensor, seed: seed! }, attributes),
  }),
});
