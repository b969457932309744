import { type OptionGroup, optionsOf, realNumber, wholeNumber } from '@scmoe/run';
import type { Augmentation, Mixing } from '@scmoe/trainer/images';

/** How pictures are varied and classes softened in training. */
export interface RecipeSettings {
  augment: 'small' | 'photo' | 'none';
  randAugment: number;
  erase: number;
  mixup: number;
  cutmix: number;
  labelSmoothing: number;
  workers: number;
}

const share = realNumber(0, { maximum: 1 });

/** The options of `RecipeSettings`. */
export function recipeOptions(): OptionGroup {
  const options = optionsOf([
    [
      '--augment <kind>',
      'small: shifts of up to an eighth of the side, and flips; photo: crops of any size, and flips',
      (o) => o.choices(['small', 'photo', 'none']).default('small'),
    ],
    [
      '--rand-augment <x>',
      'strength from 0 to 30 of two random operations on colours and geometry; 0: none',
      (o) => o.argParser(realNumber(0, { maximum: 30 })).default(0),
    ],
    ['--erase <x>', 'chance that a part of a picture is erased', (o) => o.argParser(share).default(0)],
    [
      '--mixup <alpha>',
      'mixup with a weight from Beta(alpha, alpha); 0: none',
      (o) => o.argParser(realNumber(0)).default(0),
    ],
    [
      '--cutmix <alpha>',
      'the same of CutMix; with both, one of them by chance',
      (o) => o.argParser(realNumber(0)).default(0),
    ],
    ['--label-smoothing <x>', 'share of a target that all classes get', (o) => o.argParser(share).default(0.1)],
    [
      '--workers <n>',
      'threads that make batches beside the step; the batches are the same for any number',
      (o) => o.argParser(wholeNumber(0)).default(1),
    ],
  ]);
  const fixed = ['augment', 'randAugment', 'erase', 'mixup', 'cutmix', 'labelSmoothing'];
  return { title: 'Recipe', options, fixed };
}

/** What is done to each picture of side `side`. */
export function augmentationOf({ augment, randAugment, erase }: RecipeSettings, side: number): Augmentation {
  return {
    ...(augment === 'small' && { padding: Math.ceil(side / 8) }),
    ...(augment === 'photo' && { resizedCrop: {} }),
    ...(augment !== 'none' && { flip: 0.5 }),
    ...(randAugment > 0 && { randAugment: { magnitude: randAugment } }),
    ...(erase > 0 && { erase: { probability: erase } }),
  };
}

/** How pictures are mixed with each other, if at all. */
export function mixingOf({ mixup, cutmix }: RecipeSettings): Mixing | undefined {
  return mixup > 0 || cutmix > 0 ? { mixup, cutmix } : undefined;
}
