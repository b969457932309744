import type { RgbImage } from '../RgbImage.js';
import { transformAffine } from './transformAffine.js';

/** Changes of a picture, of which RandAugment draws; each has the bits of Pillow 13's. */
export type OperationName =
  | 'autoContrast'
  | 'brightness'
  | 'contrast'
  | 'saturation'
  | 'posterize'
  | 'solarize'
  | 'rotate'
  | 'shearX'
  | 'shearY'
  | 'translateX'
  | 'translateY';

/** What `amount` means is said beside each. */
export const operations: Readonly<Record<OperationName, (image: RgbImage, amount: number) => RgbImage>> = {
  /** Spreads each channel over all levels; no amount. */
  autoContrast: (image) => lookUp(image, contrastTables(image)),
  /** Times `amount`. */
  brightness: (image, amount) => blend(image, amount, () => 0),
  /** `amount` times the distance from the picture's mean gray. */
  contrast: (image, amount) => {
    const mean = meanGray(image);
    return blend(image, amount, () => mean);
  },
  /** `amount` times the distance from the pixel's gray. */
  saturation: (image, amount) => blend(image, amount, (at) => grayOf(image.data, at)),
  /** Keeps the upper `amount` bits. */
  posterize: (image, amount) =>
    lookUp(
      image,
      sameTable((level) => level & ~(2 ** (8 - amount) - 1)),
    ),
  /** Inverts levels from `amount` on. */
  solarize: (image, amount) =>
    lookUp(
      image,
      sameTable((level) => (level < amount ? level : 255 - level)),
    ),
  /** Counter-clockwise by `amount` degrees around the middle; black comes in from outside, here and below. */
  rotate: (image, amount) => rotate(image, amount),
  /** Moves a line by `amount` times its number to the left. */
  shearX: (image, amount) => transformAffine(image, [1, amount, 0, 0, 1, 0]),
  /** Moves a column by `amount` times its number upwards. */
  shearY: (image, amount) => transformAffine(image, [1, 0, 0, amount, 1, 0]),
  /** Moves the picture by `amount` pixels to the left. */
  translateX: (image, amount) => transformAffine(image, [1, 0, amount, 0, 1, 0]),
  /** Moves the picture by `amount` pixels upwards. */
  translateY: (image, amount) => transformAffine(image, [1, 0, 0, 0, 1, amount]),
};

type Tables = readonly [Uint8Array, Uint8Array, Uint8Array];

function lookUp(image: RgbImage, [red, green, blue]: Tables): RgbImage {
  const { data } = image;
  const output = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    output[i] = red[data[i]!]!;
    output[i + 1] = green[data[i + 1]!]!;
    output[i + 2] = blue[data[i + 2]!]!;
  }
  return { ...image, data: output };
}

function sameTable(of: (level: number) => number): Tables {
  const table = Uint8Array.from({ length: 256 }, (_, level) => of(level));
  return [table, table, table];
}

function contrastTables({ data }: RgbImage): Tables {
  const tables = [0, 1, 2].map((channel) => {
    let [low, high] = [255, 0];
    for (let i = channel; i < data.length; i += 3) {
      low = Math.min(low, data[i]!);
      high = Math.max(high, data[i]!);
    }
    if (high <= low) return Uint8Array.from({ length: 256 }, (_, level) => level);
    const scale = 255 / (high - low);
    const offset = -low * scale;
    return Uint8Array.from({ length: 256 }, (_, level) => clip(level * scale + offset));
  });
  return tables as unknown as Tables;
}

/**
 * A picture that is `amount` times the way from the gray that `from` gives for each pixel to the picture. In float32,
 * as Pillow does.
 */
function blend(image: RgbImage, amount: number, from: (at: number) => number): RgbImage {
  const { data } = image;
  const factor = Math.fround(amount);
  const output = new Uint8Array(data.length);
  for (let at = 0; at < data.length; at += 3) {
    const start = from(at);
    for (let i = at; i < at + 3; i++) output[i] = clip(Math.fround(start + Math.fround(factor * (data[i]! - start))));
  }
  return { ...image, data: output };
}

/** Luma of ITU-R 601-2 in fixed point, as Pillow has it. */
function grayOf(data: Uint8Array, at: number): number {
  return (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 0x8000) >> 16;
}

function meanGray({ data }: RgbImage): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 3) sum += grayOf(data, at);
  return Math.trunc(sum / (data.length / 3) + 0.5);
}

function rotate(image: RgbImage, degrees: number): RgbImage {
  const angle = (-(((degrees % 360) + 360) % 360) * Math.PI) / 180;
  // Pillow rounds these, so that a quarter turn hits the pixels.
  const round = (value: number) => Math.round(value * 1e15) / 1e15;
  const [cos, sin] = [round(Math.cos(angle)), round(Math.sin(angle))];
  const [x, y] = [image.width / 2, image.height / 2];
  return transformAffine(image, [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y]);
}

function clip(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
}
