import * as tf from '@tensorflow/tfjs';

import { expectDtype, expectRank, expectShape } from './check.js';

/**
 * A short convolution along the tokens, of each channel by itself: token t gets the sum of weight[m] x[t - taps + 1 + m], with
 * zeros, or what `past` says, before the first. Composed of TF.js's operations, with their gradients.
 *
 * @param x (B, S, C) float32
 * @param weight (taps, C)
 * @param past (B, taps - 1, C): the tokens before
 * @returns `output` (B, S, C), and in `past` what the tokens after these need
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit
 */
export function causalConvolution(
  x: tf.Tensor3D,
  weight: tf.Tensor2D,
  past?: tf.Tensor3D,
): { output: tf.Tensor3D; past: tf.Tensor3D } {
  const name = 'causalConvolution';
  for (const [argument, tensor] of Object.entries({ x, weight, ...(past && { past }) }))
    expectDtype(name, argument, tensor, 'float32');
  expectRank(name, 'x', x, 3, '(batch, tokens, channels)');
  expectRank(name, 'weight', weight, 2, '(taps, channels)');
  const [batch, length, channels] = x.shape;
  const taps = weight.shape[0];
  expectShape(name, 'weight', weight, [taps, channels], 'for the channels of x');
  if (past) expectShape(name, 'past', past, [batch, taps - 1, channels], 'for the taps of the weight');
  return tf.tidy(() => {
    const all = taps === 1 ? x : tf.concat([past ?? tf.zeros<tf.Rank.R3>([batch, taps - 1, channels]), x], 1);
    // TF.js has no gradient for a split that gives one tensor.
    const summands = (taps === 1 ? [weight] : tf.split(weight, taps)).map((tap, m) => {
      return tf.mul<tf.Tensor3D>(tf.slice(all, [0, m, 0], [batch, length, channels]), tap);
    });
    return {
      output: summands.reduce((sum, each) => tf.add(sum, each)),
      past: tf.slice(all, [0, length, 0], [batch, taps - 1, channels]),
    };
  });
}
