import { expectKnownOptions, expectThat } from '@scmoe/errors';
import { pickOptions, resolveOptions, type OptionSpecs, type OptionsOf } from '@scmoe/gating';
import { backboneOptions } from '@scmoe/layer';

import { moeOptions, placementOption, resolveStages, type ResolvedStages } from '../stages/resolveStages.js';

/** Options of a ViT beside those of its blocks: images, patches and classes. */
const imageOptions = {
  /** Side of the square images, in pixels. */
  imageSize: { type: 'integer', minimum: 1, required: true, help: 'side of the square images, in pixels' },
  /** Side of the square patches, in pixels; it divides imageSize. */
  patchSize: { type: 'integer', minimum: 1, required: true, help: 'side of the square patches, in pixels' },
  numChannels: { type: 'integer', minimum: 1, default: 3, help: 'numbers per pixel' },
  numClasses: { type: 'integer', minimum: 1, required: true, flag: false, help: 'classes of images' },
  /** What the classifier reads: a token of its own in front of the patches, or the mean over the patches. */
  pooling: {
    type: 'choice',
    choices: ['class', 'mean'],
    default: 'class',
    help: 'what the classifier reads: a token of its own, or the mean over the patches',
  },
} as const satisfies OptionSpecs;

const { causal: _, rope: __, ...backbone } = backboneOptions;

/** All options of a ViT, but for the names of its classes. */
export const vitOptions = {
  ...imageOptions,
  numLayers: { type: 'integer', minimum: 1, required: true, help: 'blocks; in pairs an even number' },
  ...backbone,
  placement: placementOption,
  /** `{kind: 'dense'}` where it is not given. */
  moe: { type: 'record', options: moeOptions, optional: true, flag: false, help: 'experts' },
} as const satisfies OptionSpecs;

/** What the classifier reads: a token of its own in front of the patches, or the mean over the patches. */
export type Pooling = (typeof imageOptions.pooling.choices)[number];

/** A ViT: images, patches, sizes, classes, and what its blocks are. */
export interface VitConfig extends OptionsOf<typeof vitOptions> {
  /** Names of the classes, where they have some; they go along into saved folders. */
  classNames?: readonly string[];
}

/** A ViT with every option decided. */
export interface ResolvedVit extends ResolvedStages {
  imageSize: number;
  patchSize: number;
  numChannels: number;
  numClasses: number;
  numLayers: number;
  dModel: number;
  pooling: Pooling;
  /** (imageSize / patchSize)^2 */
  numPatches: number;
  /** Tokens of an image: its patches and, where there is one, the class token. */
  sequenceLength: number;
}

/** A ViT with the defaults filled in. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveVit(config: VitConfig): ResolvedVit {
  expectKnownOptions('ViT', config, [...Object.keys(vitOptions), 'classNames']);
  const { imageSize, patchSize, numChannels, numClasses, pooling } = resolveOptions(config, imageOptions);
  const { classNames, numLayers, placement, moe } = config;
  expectThat(imageSize % patchSize === 0, 'patchSize', `a divisor of imageSize = ${imageSize}`, patchSize);
  const names = classNames?.length ?? numClasses;
  expectThat(names === numClasses, 'classNames', `${numClasses}, one for each class`, names);
  const stages = resolveStages({
    numLayers,
    placement,
    moe,
    backbone: { ...pickOptions(config, backbone), causal: false },
  });
  const numPatches = (imageSize / patchSize) ** 2;
  return {
    imageSize,
    patchSize,
    numChannels,
    numClasses,
    numLayers,
    dModel: config.dModel,
    pooling,
    numPatches,
    sequenceLength: pooling === 'class' ? numPatches + 1 : numPatches,
    ...stages,
  };
}
