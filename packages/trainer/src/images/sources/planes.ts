import type { RgbImage } from '../RgbImage.js';

/** A picture whose red, green and blue lie one after the other, (3, height, width), as (height, width, 3). */
export function fromPlanes(planes: Uint8Array, width: number, height: number): RgbImage {
  const pixels = width * height;
  const data = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    data[i * 3] = planes[i]!;
    data[i * 3 + 1] = planes[pixels + i]!;
    data[i * 3 + 2] = planes[2 * pixels + i]!;
  }
  return { width, height, data };
}

/** A gray picture, (height, width), with three equal channels. */
export function fromGray(gray: Uint8Array, width: number, height: number): RgbImage {
  const data = new Uint8Array(gray.length * 3);
  for (let i = 0; i < gray.length; i++) data.fill(gray[i]!, i * 3, i * 3 + 3);
  return { width, height, data };
}
