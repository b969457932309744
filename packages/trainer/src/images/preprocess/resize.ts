import { expectPositiveInteger } from '@scmoe/errors';

import type { ImageSize, RgbImage } from '../RgbImage.js';
import { type Resample, type ResampleFilter, resampleFilters } from './resampleFilters.js';

/** Fraction bits of a weight: Pillow keeps 8 bits for the pixel and 2 for overshoot of the 32 that a sum has. */
const precisionBits = 32 - 8 - 2;

/**
 * What makes each pixel of an output line: the first pixel of the input that counts, how many do, and their weights.
 */
interface LineWeights {
  first: Int32Array;
  count: Int32Array;
  /** (output length, taps) in fixed point. */
  weights: Int32Array;
  taps: number;
}

/**
 * A picture in another size, with the same bits as Pillow 13's `Image.resize` of an RGB picture: the filter grows with the
 * reduction (antialiasing), weights are in fixed point, and what the first of the two passes gives is rounded to 8 bits.
 * A picture that has the size already comes back as it is.
 *
 * @param resample a filter of Pillow's, `bilinear` by default
 */
export function resize(image: RgbImage, size: ImageSize, resample: Resample = 'bilinear'): RgbImage {
  expectPositiveInteger('height', size.height);
  expectPositiveInteger('width', size.width);
  if (image.height === size.height && image.width === size.width) return image;
  if (resample === 'nearest') return resizeNearest(image, size);
  const filter = resampleFilters[resample];
  const lines = lineWeights(image.width, size.width, filter);
  const columns = lineWeights(image.height, size.height, filter);
  if (image.height === size.height) return resizeLines(image, lines);
  if (image.width === size.width) return resizeColumns(image, columns);
  return columnsFirst(image, size)
    ? resizeLines(resizeColumns(image, columns), lines)
    : resizeColumns(resizeLines(image, lines), columns);
}

/**
 * Whether the columns are summed before the lines, which is less work where a picture loses much of its height. As the
 * first sums are rounded, this is a matter of bits. Pillow does so since version 13; the rule fits all of 3,000 random sizes.
 */
function columnsFirst(image: ImageSize, size: ImageSize): boolean {
  const lostHeight = image.height - size.height;
  return lostHeight > 0 && lostHeight > 2 * (image.width - size.width);
}

function lineWeights(inputLength: number, outputLength: number, filter: ResampleFilter): LineWeights {
  const scale = inputLength / outputLength;
  const filterScale = Math.max(scale, 1);
  const reach = filter.support * filterScale;
  const taps = Math.ceil(reach) * 2 + 1;
  const first = new Int32Array(outputLength);
  const count = new Int32Array(outputLength);
  const weights = new Int32Array(outputLength * taps);
  const exact = new Float64Array(taps);
  const inverse = 1 / filterScale;
  for (let i = 0; i < outputLength; i++) {
    const centre = (i + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - reach + 0.5));
    const n = Math.min(inputLength, Math.trunc(centre + reach + 0.5)) - from;
    let sum = 0;
    for (let k = 0; k < n; k++) {
      exact[k] = filter.at((k + from - centre + 0.5) * inverse);
      sum += exact[k]!;
    }
    for (let k = 0; k < n; k++) {
      const weight = sum === 0 ? exact[k]! : exact[k]! / sum;
      weights[i * taps + k] = Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * 2 ** precisionBits);
    }
    first[i] = from;
    count[i] = n;
  }
  return { first, count, weights, taps };
}

function resizeLines({ data, width, height }: RgbImage, { first, count, weights, taps }: LineWeights): RgbImage {
  const newWidth = first.length;
  const output = new Uint8Array(height * newWidth * 3);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < newWidth; x++) {
      let red = 1 << (precisionBits - 1);
      let green = red;
      let blue = red;
      let from = (y * width + first[x]!) * 3;
      const end = x * taps + count[x]!;
      for (let k = x * taps; k < end; k++, from += 3) {
        const weight = weights[k]!;
        red += data[from]! * weight;
        green += data[from + 1]! * weight;
        blue += data[from + 2]! * weight;
      }
      output[at++] = clip(red);
      output[at++] = clip(green);
      output[at++] = clip(blue);
    }
  }
  return { width: newWidth, height, data: output };
}

function resizeColumns({ data, width }: RgbImage, { first, count, weights, taps }: LineWeights): RgbImage {
  const height = first.length;
  const line = width * 3;
  const output = new Uint8Array(height * line);
  const sums = new Int32Array(line);
  for (let y = 0; y < height; y++) {
    sums.fill(1 << (precisionBits - 1));
    for (let k = 0; k < count[y]!; k++) {
      const weight = weights[y * taps + k]!;
      const from = (first[y]! + k) * line;
      for (let x = 0; x < line; x++) sums[x]! += data[from + x]! * weight;
    }
    for (let x = 0; x < line; x++) output[y * line + x] = clip(sums[x]!);
  }
  return { width, height, data: output };
}

function clip(sum: number): number {
  const value = sum >> precisionBits;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

// Positions are summed up step by step, as Pillow does: multiplying would round to another pixel now and then.
function resizeNearest({ data, width, height }: RgbImage, size: ImageSize): RgbImage {
  const columns = nearestPixels(width, size.width);
  const rows = nearestPixels(height, size.height);
  const output = new Uint8Array(size.height * size.width * 3);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * width + column) * 3;
      output[at++] = data[from]!;
      output[at++] = data[from + 1]!;
      output[at++] = data[from + 2]!;
    }
  }
  return { ...size, data: output };
}

function nearestPixels(inputLength: number, outputLength: number): Int32Array {
  const scale = inputLength / outputLength;
  const pixels = new Int32Array(outputLength);
  for (let i = 0, position = scale * 0.5; i < outputLength; i++, position += scale) {
    pixels[i] = Math.min(inputLength - 1, Math.trunc(position));
  }
  return pixels;
}
