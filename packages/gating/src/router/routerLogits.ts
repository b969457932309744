import { ArgumentError } from '@scmoe/errors';
import { linear, randomNormal, randomUniform } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { ResolvedRouter } from '../config/routerOptions.js';

type Parameters = Record<string, tf.Tensor>;

export interface Randomness {
  training?: boolean;
  seed?: number;
  stream?: number;
  noise?: tf.Tensor2D;
}

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
  const { logits: gate, noisy } = router;
  const x = jittered(tokens, router, randomness);
  const clean = gate === 'cosine' ? cosineLogits(x, parameters) : product(x, parameters['weight']!);
  const noise = noisy ? noiseOf(clean.shape, randomness) : undefined;
  if (!noise) return { logits: clean };
  // Shazeer et al., arXiv 1701.06538, equation 4.
  const noiseDeviation = tf.softplus(product(x, parameters['noise']!));
  return { logits: tf.add(clean, tf.mul(noise, noiseDeviation)), cleanLogits: clean, noiseDeviation };
}

/** Inputs times uniform numbers around 1: the input jitter of Switch (arXiv 2101.03961). */
function jittered(
  tokens: tf.Tensor2D,
  { jitter }: ResolvedRouter,
  { training, seed, stream = 0 }: Randomness,
): tf.Tensor2D {
  if (!training || jitter === 0) return tokens;
  const uniform = randomUniform(tokens.shape, { seed: expectSeed(seed, 'jitter'), stream: stream + 1 });
  return tf.mul(tokens, tf.add(tf.mul(uniform, 2 * jitter), 1 - jitter));
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

function expectSeed(seed: number | undefined, use: string): number {
  if (seed === undefined)
    throw new ArgumentError(`seed: expected a number for the ${use} of a router in training, got none`);
  return seed;
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

/** Vectors along `axis` divided by their length. A vector of zeros stays one, with a gradient of zero. */
function unit(x: tf.Tensor, axis: number): tf.Tensor {
  return tf.div(x, tf.sqrt(tf.maximum(tf.sum(tf.square(x), axis, true), 1e-24)));
}
