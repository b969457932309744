import { RandomStream } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/** Apart from the streams of dropout and routers, which are numbered from 0. */
const firstStream = 0x5d00;

/**
 * Stochastic depth (Huang et al., arXiv 1603.09382), of each sample by itself: with the chance `rate` it leaves a stage as it
 * came, x; else what the stage y(x) has added counts 1 / (1 - rate) times, so that the mean over the chances is y.
 *
 * @param x (B, S, d) before the stage
 * @param y (B, S, d) after it
 * @param index of the stage; samples are a function of (seed, index, place in the batch) alone
 */
export function passBy(
  x: tf.Tensor3D,
  y: tf.Tensor3D,
  { rate, seed, index }: { rate: number; seed: number; index: number },
): tf.Tensor3D {
  const random = new RandomStream({ seed, stream: firstStream + index });
  const factors = Array.from({ length: x.shape[0] }, () => (random.uniform() < rate ? 0 : 1 / (1 - rate)));
  return tf.add(x, tf.mul(tf.sub(y, x), tf.tensor3d(factors, [x.shape[0], 1, 1])));
}
