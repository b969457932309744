import { randomUniform } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { ResolvedRouter } from '../config/routerOptions.js';
import { expectSeed, type Randomness } from './Randomness.js';

/**
 * Tokens (..., d) times uniform numbers from [1 - jitter, 1 + jitter), in training: the input jitter of Switch (arXiv
 * 2101.03961). The same seed and stream give the same numbers.
 *
 * @throws ArgumentError where the seed is missing
 */
export function jitterTokens<Tokens extends tf.Tensor>(
  tokens: Tokens,
  { jitter }: Pick<ResolvedRouter, 'jitter'>,
  { training, seed, stream = 0 }: Pick<Randomness, 'training' | 'seed' | 'stream'>,
): Tokens {
  if (!training || jitter === 0) return tokens;
  const uniform = randomUniform(tokens.shape, { seed: expectSeed(seed, 'jitter'), stream: stream + 1 });
  return tf.mul(tokens, tf.add(tf.mul(uniform, 2 * jitter), 1 - jitter));
}
