import type { Sharp } from 'sharp';

import type { RgbImage } from '../RgbImage.js';
import { cmykToRgb } from './cmykToRgb.js';
import { loadSharp } from './loadSharp.js';
import { PictureError } from './PictureError.js';
import { pictureKind } from './pictureKind.js';

/** How pictures are decoded. */
export interface DecodeOptions {
  /** Larger pictures are refused before they are decoded: a few kilobytes can stand for gigabytes of pixels. */
  maxPixels?: number;
  /** Refuse a picture at the first thing that its decoder warns of; false reads as much as Pillow would. */
  strict?: boolean;
}

/** What Pillow decodes without a warning, in pixels: a quarter of a GiB in memory. */
export const defaultMaxPixels = 89_478_485;

/**
 * Decodes a JPEG, PNG or WebP to RGB of 8 bits, turned as its EXIF orientation says. The result is the same, bit for bit,
 * as Pillow's `ImageOps.exif_transpose(image).convert('RGB')`:
 *
 * - gray becomes three equal channels, of 16 bits the upper 8 count;
 * - transparency is left out and the colour below it shows, with a palette as well;
 * - CMYK is converted by the plain formula, and colour profiles (Display P3) are not applied;
 * - of an animation, the first picture counts.
 *
 * @param name what an error calls the picture
 * @throws PictureError for a picture that is damaged, cut off, too large, or none.
 */
export async function decodeImage(
  bytes: Uint8Array,
  name: string,
  { maxPixels = defaultMaxPixels, strict = true }: DecodeOptions = {},
): Promise<RgbImage> {
  if (bytes.length === 0) throw new PictureError(name, 'expected a picture, got an empty file');
  const kind = pictureKind(bytes);
  if (kind === undefined) throw new PictureError(name, 'expected a JPEG, PNG or WebP, got another content');
  const sharp = await loadSharp();
  try {
    const failOn = strict ? 'warning' : 'truncated';
    const image = sharp(bytes, { ignoreIcc: true, limitInputPixels: maxPixels, failOn });
    return await (kind === 'cmyk-jpeg' ? decodeCmyk(image) : decodeRgb(image));
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim().replaceAll('\n', '; ') : String(error);
    throw new PictureError(name, `can't decode the picture: ${reason}`, { cause: error });
  }
}

async function decodeRgb(image: Sharp): Promise<RgbImage> {
  const { data, info } = await image
    .autoOrient()
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`expected 3 channels, got ${info.channels}`);
  return { width: info.width, height: info.height, data };
}

async function decodeCmyk(image: Sharp): Promise<RgbImage> {
  const { data, info } = await image
    .autoOrient()
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 4) throw new Error(`expected 4 channels of CMYK, got ${info.channels}`);
  return { width: info.width, height: info.height, data: cmykToRgb(data) };
}
