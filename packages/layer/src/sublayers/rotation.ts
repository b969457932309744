import type { Rope } from '@scmoe/tensor';

import type { ResolvedRope, ResolvedRopeScaling } from '../config/RopeConfig.js';

/** The rotation of heads of `headSize` components as kernels take it, scaled angles worked out. */
export function rotationOf({ style, theta, size, scaling }: ResolvedRope, headSize: number): Rope {
  const ofPart = size === undefined || size === headSize ? {} : { size };
  if (!scaling) return { style, theta, ...ofPart };
  if (scaling.type === 'longrope') {
    const { shortFactors, shortMscale, longMscale, originalLength } = scaling;
    const frequencies = plainFrequencies(size ?? headSize, theta).map((each, pair) => each / shortFactors![pair]!);
    return {
      style,
      ...ofPart,
      frequencies,
      factor: shortMscale,
      beyond: { length: originalLength!, factor: longMscale },
    };
  }
  const frequencies = scaledFrequencies(size ?? headSize, theta, { ...scaling, type: scaling.type });
  return { style, ...ofPart, frequencies, factor: scaling.type === 'yarn' ? yarnFactor(scaling) : 1 };
}

type ScalingByPart = ResolvedRopeScaling & { type: 'linear' | 'llama3' | 'yarn' };

/** Angles from one position to the next of each pair of R components, R/2 of them. */
function scaledFrequencies(size: number, theta: number, scaling: ScalingByPart): number[] {
  const { type, factor } = scaling;
  const keptOf = { linear: () => 0, llama3: llama3Share(scaling), yarn: yarnShare(size, theta, scaling) }[type];
  return plainFrequencies(size, theta).map((frequency, pair) => {
    const kept = keptOf(pair, frequency);
    return kept * frequency + ((1 - kept) * frequency) / factor;
  });
}

function plainFrequencies(size: number, theta: number): number[] {
  return Array.from({ length: size / 2 }, (_, pair) => theta ** ((-2 * pair) / size));
}

/** How much of a pair's angle is kept, from 0 (divided by the factor) to 1, by how often it turns in the original length. */
type KeptShare = (pair: number, frequency: number) => number;

/** Llama 3.1, in the code that was published with it. */
function llama3Share({
  originalLength,
  lowFrequencyFactor: low,
  highFrequencyFactor: high,
}: ResolvedRopeScaling): KeptShare {
  return (_, frequency) => clamp(((originalLength! * frequency) / (2 * Math.PI) - low) / (high - low));
}

/** YaRN (arXiv 2309.00071, section 3.2) as DeepSeek and transformers have it. */
function yarnShare(
  size: number,
  theta: number,
  { originalLength, betaFast, betaSlow, truncate }: ResolvedRopeScaling,
): KeptShare {
  // The pair, not always a whole one, that turns so often in the original length.
  const pairOf = (turns: number) => (size * Math.log(originalLength! / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [first, last] = [pairOf(betaFast), pairOf(betaSlow)];
  const low = Math.max(truncate ? Math.floor(first) : first, 0);
  const high = Math.min(truncate ? Math.ceil(last) : last, size - 1);
  const width = high === low ? 0.001 : high - low;
  return (pair) => 1 - clamp((pair - low) / width);
}

/** What YaRN multiplies queries and keys with. */
function yarnFactor({ factor, attentionFactor, mscale, mscaleAllDim }: ResolvedRopeScaling): number {
  if (attentionFactor !== undefined) return attentionFactor;
  if (mscale > 0 && mscaleAllDim > 0) return magnitude(factor, mscale) / magnitude(factor, mscaleAllDim);
  return magnitude(factor, 1);
}

/** What DeepSeek multiplies all scores of latent attention with, whose components do not all turn. */
export function latentScoreFactor({ factor, mscaleAllDim }: ResolvedRopeScaling): number {
  return mscaleAllDim > 0 ? magnitude(factor, mscaleAllDim) ** 2 : 1;
}

function magnitude(factor: number, weight: number): number {
  return factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1;
}

const clamp = (share: number) => Math.min(1, Math.max(0, share));
