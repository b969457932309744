import { type Box, cropBox } from '../preprocess/cropBox.js';
import { resize } from '../preprocess/resize.js';
import type { ImageSize, RgbImage } from '../RgbImage.js';
import type { AugmentPlan } from './AugmentPlan.js';
import { operations } from './operations.js';

/** A picture as the plan says, in the size `to`, levels still; `erase` is not done here, for 0 has another meaning. */
export function applyPlan(image: RgbImage, plan: AugmentPlan, to: ImageSize): RgbImage {
  let result = resize(cropBox(image, plan.crop), to);
  if (plan.flip) result = flipped(result);
  for (const { name, amount } of plan.operations) result = operations[name](result, amount);
  return result;
}

/** Sets the box in pixels (height, width, 3) to 0. */
export function eraseBox(pixels: Float32Array, width: number, box: Box): void {
  for (let y = box.top; y < box.top + box.height; y++)
    pixels.fill(0, (y * width + box.left) * 3, (y * width + box.left + box.width) * 3);
}

function flipped({ data, width, height }: RgbImage): RgbImage {
  const output = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const to = (y * width + x) * 3;
      const from = (y * width + width - 1 - x) * 3;
      output[to] = data[from]!;
      output[to + 1] = data[from + 1]!;
      output[to + 2] = data[from + 2]!;
    }
  }
  return { width, height, data: output };
}
