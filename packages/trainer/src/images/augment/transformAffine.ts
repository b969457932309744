import type { RgbImage } from '../RgbImage.js';

/** (a, b, c, d, e, f): the pixel at (x, y) comes from (a x + b y + c, d x + e y + f). */
export type AffineMatrix = readonly [number, number, number, number, number, number];

const fixed = (value: number): number => Math.floor(value * 65536 + 0.5);

/** A picture moved by a matrix, each pixel the nearest one of its place and black where that is outside, in Pillow's bits. */
export function transformAffine(image: RgbImage, [a, b, c, d, e, f]: AffineMatrix): RgbImage {
  const { data, width, height } = image;
  const output = new Uint8Array(data.length);
  const [stepX, stepY] = [fixed(a), fixed(d)];
  let lineX = fixed(c + a * 0.5 + b * 0.5);
  let lineY = fixed(f + d * 0.5 + e * 0.5);
  let at = 0;
  for (let y = 0; y < height; y++, lineX += fixed(b), lineY += fixed(e)) {
    for (let x = 0, fromX = lineX, fromY = lineY; x < width; x++, fromX += stepX, fromY += stepY, at += 3) {
      const [column, row] = [fromX >> 16, fromY >> 16];
      if (column < 0 || column >= width || row < 0 || row >= height) continue;
      const from = (row * width + column) * 3;
      output[at] = data[from]!;
      output[at + 1] = data[from + 1]!;
      output[at + 2] = data[from + 2]!;
    }
  }
  return { ...image, data: output };
}
