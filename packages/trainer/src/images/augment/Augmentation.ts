import { expectBetween, expectInteger, expectKnownOptions, expectThat, optionNames } from '@scmoe/errors';

/** A range from the first number to the second. */
export type Range = readonly [number, number];

/** How pictures are varied in training, in this order. What is absent is not done. */
export interface Augmentation {
  /** A crop at any place of the picture with so many black pixels around it. */
  padding?: number;
  /**
   * A part instead of the whole, with a share of the area and a ratio of width to height in these ranges, resized
   * (bilinear).
   */
  resizedCrop?: { scale?: Range; ratio?: Range };
  /** Probability that left and right are swapped. */
  flip?: number;
  /** RandAugment (arXiv 1909.13719): so many operations one after the other, of a strength from 0 to 30. */
  randAugment?: { count?: number; magnitude?: number };
  /** Random erasing (arXiv 1708.04896): a part of these shares becomes the mean, which is 0 after normalisation. */
  erase?: { probability?: number; area?: Range; ratio?: Range };
}

const known = optionNames<Augmentation>({
  padding: true,
  resizedCrop: true,
  flip: true,
  randAugment: true,
  erase: true,
});

/** What is customary for a set of pictures of 32 pixels such as CIFAR. */
export const smallImageAugmentation: Augmentation = { padding: 4, flip: 0.5 };

/** What is customary for a set of photographs such as ImageNet. */
export const photoAugmentation: Augmentation = { resizedCrop: {}, flip: 0.5 };

/** Checks how pictures are varied. @throws ArgumentError naming the option, what is allowed and what came. */
export function checkAugmentation(augmentation: Augmentation): void {
  expectKnownOptions('augmentation', augmentation, known);
  const { padding, resizedCrop, flip, randAugment, erase } = augmentation;
  if (padding !== undefined) expectInteger('padding', padding, { minimum: 0 });
  expectThat(padding === undefined || resizedCrop === undefined, 'resizedCrop', 'no padding besides', padding);
  if (flip !== undefined) expectBetween('flip', flip, 0, 1);
  checkRange('resizedCrop.scale', resizedCrop?.scale, 1);
  checkRange('resizedCrop.ratio', resizedCrop?.ratio, Infinity);
  if (randAugment?.count !== undefined) expectInteger('randAugment.count', randAugment.count, { minimum: 0 });
  if (randAugment?.magnitude !== undefined) expectBetween('randAugment.magnitude', randAugment.magnitude, 0, 30);
  if (erase?.probability !== undefined) expectBetween('erase.probability', erase.probability, 0, 1);
  checkRange('erase.area', erase?.area, 1);
  checkRange('erase.ratio', erase?.ratio, Infinity);
}

function checkRange(what: string, range: Range | undefined, maximum: number): void {
  if (range === undefined) return;
  const [low, high] = range;
  const expected =
    maximum === Infinity
      ? 'two numbers above 0, the smaller first'
      : `two numbers above 0 and up to ${maximum}, the smaller first`;
  expectThat(low > 0 && high >= low && high <= maximum && high < Infinity, what, expected, range);
}
