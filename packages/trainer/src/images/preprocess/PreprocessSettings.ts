import { expectFinite, expectOneOf, expectPositive, expectPositiveInteger, expectThat } from '@scmoe/errors';

import type { ImageSize } from '../RgbImage.js';
import { type Resample, resampleNames } from './resampleFilters.js';

/** Three numbers, for red, green and blue. */
export type PerChannel = readonly [number, number, number];

/**
 * What is done to a picture before a model sees it, in this order. The names are those of a preprocessor_config.json in
 * our spelling.
 */
export interface PreprocessSettings {
  /** A size of its own for each side, or one for the shorter side, with the other in proportion. Absent: no resizing. */
  resize?: ImageSize | { shortestEdge: number };
  /** A filter of Pillow's. */
  resample: Resample;
  /** Cut out of the middle. Absent: no cropping. */
  centerCrop?: ImageSize;
  /** What levels are multiplied with, 1/255 in general. Absent: levels stay from 0 to 255. */
  rescaleFactor?: number;
  /** What is subtracted and divided by after that. Absent: nothing is. */
  normalize?: { mean: PerChannel; std: PerChannel };
}

/** No resizing; levels from 0 to 255 become numbers from -1 to 1, as ViT's checkpoints want them. */
export const defaultPreprocessing: PreprocessSettings = {
  resample: 'bilinear',
  rescaleFactor: 1 / 255,
  normalize: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
};

/** Checks settings. @throws ArgumentError naming the setting, what is allowed and what came. */
export function checkPreprocessing(settings: PreprocessSettings): void {
  const { resize, resample, centerCrop, rescaleFactor, normalize } = settings;
  if (resize !== undefined && 'shortestEdge' in resize)
    expectPositiveInteger('resize.shortestEdge', resize.shortestEdge);
  else if (resize !== undefined) checkSize('resize', resize);
  expectOneOf('resample', resample, resampleNames);
  if (centerCrop !== undefined) checkSize('centerCrop', centerCrop);
  if (rescaleFactor !== undefined) expectPositive('rescaleFactor', rescaleFactor);
  if (normalize === undefined) return;
  for (const name of ['mean', 'std'] as const) {
    expectThat(normalize[name]?.length === 3, `normalize.${name}`, 'three numbers', normalize[name]);
    normalize[name].forEach((value) => expectFinite(`normalize.${name}`, value));
  }
  expectThat(!normalize.std.includes(0), 'normalize.std', 'no 0', normalize.std);
}

/** Checks a size. @throws ArgumentError unless both sides are whole numbers of at least 1. */
export function checkSize(what: string, { height, width }: ImageSize): void {
  expectPositiveInteger(`${what}.height`, height);
  expectPositiveInteger(`${what}.width`, width);
}
