import { expectBetween, expectKnownOptions, expectNonNegative, expectThat, optionNames } from '@scmoe/errors';
import type { RandomStream } from '@scmoe/tensor';

import type { Box } from '../preprocess/cropBox.js';
import type { ImageSize } from '../RgbImage.js';
import { drawBeta } from './drawBeta.js';

/** How each picture of a batch is mixed with the one after it. */
export interface Mixing {
  /** Mixup (arXiv 1710.09412): a weighted mean of both, the weight from Beta(alpha, alpha). 0: never. */
  mixup?: number;
  /** CutMix (arXiv 1905.04899): a box of the other picture, of a share of the area from Beta(alpha, alpha). 0: never. */
  cutmix?: number;
  /** Probability that a picture is mixed at all; which of the two where both may be is drawn by an even chance. */
  probability?: number;
}

/** What a picture keeps of itself: `weight` of all, or all outside of `box`. */
export interface MixPlan {
  /** Share of its own class in the target. */
  weight: number;
  box?: Box;
}

const known = optionNames<Mixing>({ mixup: true, cutmix: true, probability: true });

/** Checks how pictures are mixed. @throws ArgumentError naming the option, what is allowed and what came. */
export function checkMixing(mixing: Mixing): void {
  expectKnownOptions('mixing', mixing, known);
  const { mixup = 0, cutmix = 0, probability = 1 } = mixing;
  expectNonNegative('mixup', mixup);
  expectNonNegative('cutmix', cutmix);
  expectBetween('probability', probability, 0, 1);
  expectThat(mixup > 0 || cutmix > 0, 'mixing', 'mixup or cutmix above 0', mixing);
}

/** Draws how one picture is mixed; undefined where it is left alone. */
export function drawMix(random: RandomStream, size: ImageSize, mixing: Mixing): MixPlan | undefined {
  const { mixup = 0, cutmix = 0, probability = 1 } = mixing;
  if (random.uniform() >= probability) return undefined;
  const cuts = cutmix > 0 && (mixup === 0 || random.int(2) === 0);
  const weight = drawBeta(random, cuts ? cutmix : mixup);
  return cuts ? drawCut(random, size, weight) : { weight };
}

// A box may reach over the edge, so that each pixel is as likely to be in it; what is left of it counts.
function drawCut(random: RandomStream, { height, width }: ImageSize, weight: number): MixPlan {
  const share = Math.sqrt(1 - weight);
  const rows = span(random.int(height), Math.trunc(height * share), height);
  const columns = span(random.int(width), Math.trunc(width * share), width);
  const box = { top: rows.from, left: columns.from, height: rows.length, width: columns.length };
  return { weight: 1 - (box.height * box.width) / (height * width), box };
}

function span(centre: number, length: number, limit: number): { from: number; length: number } {
  const half = Math.floor(length / 2);
  const from = Math.max(0, centre - half);
  return { from, length: Math.min(limit, centre + half) - from };
}

/** Mixes pictures (height, width, 3) in place: what `plan` leaves of `pixels`, and the rest from `other`. */
export function mixPixels(pixels: Float32Array, other: Float32Array, width: number, { weight, box }: MixPlan): void {
  if (box === undefined) {
    for (let i = 0; i < pixels.length; i++) pixels[i] = weight * pixels[i]! + (1 - weight) * other[i]!;
    return;
  }
  for (let y = box.top; y < box.top + box.height; y++) {
    const from = (y * width + box.left) * 3;
    pixels.set(other.subarray(from, from + box.width * 3), from);
  }
}

/**
 * Targets (labels.length, numClasses) of a cross entropy: each row sums to 1. The share that a mix leaves goes to the class
 * of the next picture, that of the last one to the first's; with smoothing e, (1 - e) of it, and e / numClasses to each.
 */
export function softTargets(
  labels: ArrayLike<number>,
  mixes: readonly (MixPlan | undefined)[],
  { numClasses, labelSmoothing = 0 }: { numClasses: number; labelSmoothing?: number },
): Float32Array<ArrayBuffer> {
  const targets = new Float32Array(labels.length * numClasses).fill(labelSmoothing / numClasses);
  for (let i = 0; i < labels.length; i++) {
    const weight = mixes[i]?.weight ?? 1;
    targets[i * numClasses + labels[i]!]! += (1 - labelSmoothing) * weight;
    targets[i * numClasses + labels[(i + 1) % labels.length]!]! += (1 - labelSmoothing) * (1 - weight);
  }
  return targets;
}
