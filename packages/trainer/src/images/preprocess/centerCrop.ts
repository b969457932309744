import type { ImageSize, RgbImage } from '../RgbImage.js';
import { type Box, cropBox } from './cropBox.js';

/**
 * The middle of a picture. Where an odd line is left over, one more goes below and to the right; a picture that is too
 * small is put into black, as transformers' processors do.
 */
export function centerCrop(image: RgbImage, size: ImageSize): RgbImage {
  return cropBox(image, centerBox(image, size));
}

/** Where the middle is: it begins before a picture that is too small. */
export function centerBox(image: ImageSize, { height, width }: ImageSize): Box {
  return { top: offset(image.height, height), left: offset(image.width, width), height, width };
}

function offset(length: number, cropLength: number): number {
  return Math.trunc((length - cropLength) / 2);
}
