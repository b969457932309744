import type { RgbImage } from '../RgbImage.js';

/** A rectangle of pixels. */
export interface Box {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** A part of a picture; it may begin before the picture and end behind it, where black is. */
export function cropBox(image: RgbImage, { top, left, height, width }: Box): RgbImage {
  if (top === 0 && left === 0 && height === image.height && width === image.width) return image;
  const data = new Uint8Array(height * width * 3);
  const firstColumn = Math.max(0, -left);
  const lastColumn = Math.min(width, image.width - left);
  if (lastColumn <= firstColumn) return { height, width, data };
  for (let y = Math.max(0, -top); y < Math.min(height, image.height - top); y++) {
    const from = (y + top) * image.width + left;
    data.set(image.data.subarray((from + firstColumn) * 3, (from + lastColumn) * 3), (y * width + firstColumn) * 3);
  }
  return { height, width, data };
}
