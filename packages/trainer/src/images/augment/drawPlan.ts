import type { RandomStream } from '@scmoe/tensor';

import { centerBox } from '../preprocess/centerCrop.js';
import type { Box } from '../preprocess/cropBox.js';
import type { ImageSize } from '../RgbImage.js';
import type { Augmentation, Range } from './Augmentation.js';
import type { AugmentPlan } from './AugmentPlan.js';
import type { OperationName } from './operations.js';

const attempts = 10;
const strongest = 30;

/** How strong each operation is at a share of the full strength, with either sign; as torchvision's RandAugment has it. */
const amounts: Readonly<Record<OperationName, (share: number, sign: 1 | -1, size: ImageSize) => number>> = {
  autoContrast: () => 0,
  brightness: (share, sign) => 1 + sign * 0.9 * share,
  contrast: (share, sign) => 1 + sign * 0.9 * share,
  saturation: (share, sign) => 1 + sign * 0.9 * share,
  posterize: (share) => 8 - Math.round(4 * share),
  solarize: (share) => Math.round(255 * (1 - share)),
  rotate: (share, sign) => sign * 30 * share,
  shearX: (share, sign) => sign * 0.3 * share,
  shearY: (share, sign) => sign * 0.3 * share,
  translateX: (share, sign, { width }) => sign * Math.trunc((150 / 331) * width * share),
  translateY: (share, sign, { height }) => sign * Math.trunc((150 / 331) * height * share),
};

/** Does nothing, and is drawn as often as each of the others. */
const choices = ['identity', ...(Object.keys(amounts) as OperationName[])] as const;

/**
 * Draws what is done to a picture of size `from` that shall be of size `to`. Without augmentation nothing is drawn: the
 * middle is taken.
 */
export function drawPlan(
  random: RandomStream,
  { from, to, augmentation }: { from: ImageSize; to: ImageSize; augmentation: Augmentation },
): AugmentPlan {
  const { padding, resizedCrop, flip = 0, randAugment, erase } = augmentation;
  const crop =
    resizedCrop !== undefined
      ? drawResizedCrop(random, from, resizedCrop)
      : padding !== undefined
        ? drawPaddedCrop(random, from, { to, padding })
        : centerBox(from, to);
  const plan: AugmentPlan = { crop, flip: flip > 0 && random.uniform() < flip, operations: [] };
  if (randAugment !== undefined) plan.operations = drawOperations(random, to, randAugment);
  if (erase !== undefined && random.uniform() < (erase.probability ?? 0.25))
    plan.erase = drawBox(random, to, { area: erase.area ?? [0.02, 1 / 3], ratio: erase.ratio ?? [0.3, 10 / 3] });
  return plan;
}

function drawPaddedCrop(
  random: RandomStream,
  from: ImageSize,
  { to, padding }: { to: ImageSize; padding: number },
): Box {
  const place = (length: number, cropLength: number) => random.int(length + 2 * padding - cropLength + 1) - padding;
  return { top: place(from.height, to.height), left: place(from.width, to.width), ...to };
}

/** Falls back on the largest part in the middle whose ratio is allowed, as torchvision does. */
function drawResizedCrop(random: RandomStream, from: ImageSize, options: { scale?: Range; ratio?: Range }): Box {
  const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] } = options;
  const drawn = drawBox(random, from, { area: scale, ratio });
  if (drawn !== undefined) return drawn;
  const nearest = Math.min(Math.max(from.width / from.height, ratio[0]), ratio[1]);
  return centerBox(from, {
    height: Math.max(1, Math.min(from.height, Math.round(from.width / nearest))),
    width: Math.max(1, Math.min(from.width, Math.round(from.height * nearest))),
  });
}

/** A box of a share of the area and a ratio (uniform in its logarithm); undefined where ten draws did not fit. */
function drawBox(
  random: RandomStream,
  size: ImageSize,
  { area, ratio }: { area: Range; ratio: Range },
): Box | undefined {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const pixels = size.height * size.width * (area[0] + (area[1] - area[0]) * random.uniform());
    const aspect = Math.exp(Math.log(ratio[0]) + Math.log(ratio[1] / ratio[0]) * random.uniform());
    const width = Math.round(Math.sqrt(pixels * aspect));
    const height = Math.round(Math.sqrt(pixels / aspect));
    if (width < 1 || height < 1 || width > size.width || height > size.height) continue;
    return { top: random.int(size.height - height + 1), left: random.int(size.width - width + 1), height, width };
  }
  return undefined;
}

function drawOperations(
  random: RandomStream,
  size: ImageSize,
  { count = 2, magnitude = 9 }: { count?: number; magnitude?: number },
): AugmentPlan['operations'] {
  return Array.from({ length: count }, () => {
    const name = choices[random.int(choices.length)]!;
    const sign = random.int(2) === 0 ? 1 : -1;
    return name === 'identity' ? [] : [{ name, amount: amounts[name](magnitude / strongest, sign, size) }];
  }).flat();
}
