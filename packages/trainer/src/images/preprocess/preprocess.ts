import type { ImageSize, RgbImage } from '../RgbImage.js';
import { centerCrop } from './centerCrop.js';
import { checkPreprocessing, type PreprocessSettings } from './PreprocessSettings.js';
import { resize } from './resize.js';

/** A picture as a model sees it. */
export interface Pixels extends ImageSize {
  /** (height, width, 3) float32 */
  data: Float32Array;
}

/**
 * A picture as a model sees it: resized, cropped, rescaled, normalised. The same numbers as transformers' processors give,
 * whose resizing differs from Pillow's, and so from this, by one level at most.
 *
 * @throws ArgumentError where the settings can't work.
 */
export function preprocess(image: RgbImage, settings: PreprocessSettings): Pixels {
  checkPreprocessing(settings);
  const { height, width, data } = resizeAndCrop(image, settings);
  const output = new Float32Array(data.length);
  normalizePixels(data, output, settings);
  return { height, width, data: output };
}

/** The first half of `preprocess`, whose result is a picture still. */
export function resizeAndCrop(image: RgbImage, settings: PreprocessSettings): RgbImage {
  const { resample, centerCrop: crop } = settings;
  const resized =
    settings.resize === undefined ? image : resize(image, sizeAfterResize(image, settings.resize), resample);
  return crop === undefined ? resized : centerCrop(resized, crop);
}

/** The second half of `preprocess`: levels (..., 3) to numbers, written to `output`. */
export function normalizePixels(levels: Uint8Array, output: Float32Array, settings: PreprocessSettings): void {
  const tables = [0, 1, 2].map((channel) => levelTable(settings, channel));
  const [red, green, blue] = tables as [Float32Array, Float32Array, Float32Array];
  for (let i = 0; i < levels.length; i += 3) {
    output[i] = red[levels[i]!]!;
    output[i + 1] = green[levels[i + 1]!]!;
    output[i + 2] = blue[levels[i + 2]!]!;
  }
}

/** What becomes of each of the 256 levels of a channel. */
function levelTable({ rescaleFactor = 1, normalize }: PreprocessSettings, channel: number): Float32Array {
  const mean = normalize?.mean[channel] ?? 0;
  const std = normalize?.std[channel] ?? 1;
  return Float32Array.from({ length: 256 }, (_, level) => (level * rescaleFactor - mean) / std);
}

function sizeAfterResize(image: ImageSize, size: NonNullable<PreprocessSettings['resize']>): ImageSize {
  if (!('shortestEdge' in size)) return size;
  const { shortestEdge } = size;
  const { height, width } = image;
  // Rounded down, as transformers and torchvision do.
  return width <= height
    ? { width: shortestEdge, height: Math.trunc((shortestEdge * height) / width) }
    : { width: Math.trunc((shortestEdge * width) / height), height: shortestEdge };
}
