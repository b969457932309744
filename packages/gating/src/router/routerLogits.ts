import { ArgumentError } from '@scmoe/errors';
import { linear, randomNormal } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { ResolvedRouter } from '../config/routerOptions.js';
import { jitterTokens } from './jitterTokens.js';
import { expectSeed, type Randomness } from './Randomness.js';

type Parameters = Record<string, tf.Tensor>;

export interface RouterLogits {
  logits: tf.Tensor2D;
  cleanLogits?: tf.Tensor2D;
  noiseDeviation?: tf.Tensor2D;
}

/** float32 whatever the precision: a bf16 product changes the choice. */
const product = (x: tf.Tensor, weight: tf.Tensor, bias?: tf.Tensor) =>
  linear(x, weight, bias, { float32: true }) as tf.Tensor2D;

/** Logits (T, M) of tokens (T, d), in float32. Parameters have the names of `routerSpecs`. */
export function routerLogits(
  tokens: tf.Tensor2D,
  parameters: Parameters,
  router: ResolvedRouter,
  randomness: Randomness,
): RouterLogits {
  const { logits: form, noisy, logitSoftCap } = router;
  const x = jitterTokens(tokens, router, randomness);
  const unbounded =
    form === 'cosine' ? cosineLogits(x, parameters) : product(x, parameters['weight']!, parameters['bias']);
  const clean = logitSoftCap > 0 ? softCapped(unbounded, logitSoftCap) : unbounded;
  const noise = noisy ? noiseOf(clean.shape, randomness) : undefined;
  if (!noise) return { logits: clean };
  // Shazeer et al., arXiv 1701.06538, equation 4.
  const noiseDeviation = tf.softplus(product(x, parameters['noise']!));
  return { logits: tf.add(clean, tf.mul(noise, noiseDeviation)), cleanLogits: clean, noiseDeviation };
}

function noiseOf(shape: [number, number], { training, seed, stream = 0, noise }: Randomness): tf.Tensor | undefined {
  if (noise) {
    if (noise.shape.join() !== shape.join())
      throw new ArgumentError(
        `noise: expected (${shape.join(', ')}) for tokens and experts, got (${noise.shape.join(', ')})`,
      );
    return noise;
  }
  return training ? randomNormal(shape, { seed: expectSeed(seed, 'noise'), stream }) : undefined;
}

/**
 * Cosine between the projected token and the vector of each expert (X-MoE, arXiv 2204.09179), times exp(temperature), at
 * most 100 (as in Tutel).
 */
function cosineLogits(x: tf.Tensor2D, parameters: Parameters): tf.Tensor2D {
  const projected = unit(product(x, parameters['projection.weight']!, parameters['projection.bias']), 1);
  const cosine = product(projected, unit(parameters['similarity']!, 0));
  return tf.mul(cosine, tf.exp(tf.minimum(parameters['temperature']!, Math.log(100))));
}

/** Logits between -bound and bound, which small ones hardly feel (Gemma 2, arXiv 2408.00118, section 2). */
function softCapped(logits: tf.Tensor2D, bound: number): tf.Tensor2D {
  return tf.mul(tf.tanh(tf.div(logits, bound)), bound);
}

/** Vectors along `axis` divided by their length. A vector of zeros stays one, with a gradient of zero. */
function unit(x: tf.Tensor, axis: number): tf.Tensor {
  return tf.div(x, tf.sqrt(tf.maximum(tf.sum(tf.square(x), axis, true), 1e-24)));
}
