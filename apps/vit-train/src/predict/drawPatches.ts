import { type PatchCover, patchMap } from '@scmoe/run';
import { type RgbImage, resizeAndCrop } from '@scmoe/trainer/images';
import sharp from 'sharp';

import { resizing } from '../data/loadPictures.js';

/** A picture as the model sees it, alone and with a cover over each of its patches, row by row, as SVG. */
export async function drawPatches(
  image: RgbImage,
  covers: readonly PatchCover[],
  { imageSize, ...words }: { imageSize: number; title: string; caption: string },
): Promise<string> {
  const { data, width, height } = resizeAndCrop(image, resizing(imageSize));
  const raw = { width, height, channels: 3 } as const;
  return patchMap(covers, { ...words, png: await sharp(data, { raw }).png().toBuffer() });
}
