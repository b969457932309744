import { expectKnownOptions, expectThat } from '@scmoe/errors';
import { omitOptions, pickOptions, resolveOptions, type OptionSpecs, type OptionsOf } from '@scmoe/gating';
import { backboneOptions, familyOptions } from '@scmoe/layer';

import { numConvolutions } from './numConvolutions.js';
import { moeOptions, placementOption, resolveStages, type ResolvedStages } from '../stages/resolveStages.js';

/** Options of a ViT beside those of its blocks: images, patches and classes. */
const imageOptions = {
  /** Side of the square images, in pixels. */
  imageSize: { type: 'integer', minimum: 1, required: true, help: 'side of the square images, in pixels' },
  /** Side of the square patches, in pixels. */
  patchSize: { type: 'integer', minimum: 1, required: true, help: 'side of the square patches, in pixels' },
  /**
   * Pixels from one patch to the next; it divides imageSize. Where it is less than patchSize, patches overlap, and reach
   * (patchSize - patchStride) / 2 pixels over the edges, where zeros are.
   */
  patchStride: {
    type: 'integer',
    minimum: 1,
    derived: 'patchSize',
    help: 'pixels from one patch to the next; less than the side of a patch where patches shall overlap',
  },
  /**
   * What makes tokens of pixels: one linear map of each patch, or convolutions (convStem.ts), of which each halves height
   * and width: patchStride is a power of two then, and patchSize is not read.
   */
  stem: {
    type: 'choice',
    choices: ['patches', 'convolutions'],
    default: 'patches',
    help: 'what makes tokens of pixels: one linear map of each patch, or convolutions, which learn faster from few pictures; their number follows from the stride of the patches, a power of two',
  },
  numChannels: { type: 'integer', minimum: 1, default: 3, help: 'numbers per pixel' },
  numClasses: { type: 'integer', minimum: 1, required: true, flag: false, help: 'classes of images' },
  /** What the classifier reads: a token of its own in front of the patches, or the mean over the patches. */
  pooling: {
    type: 'choice',
    choices: ['class', 'mean'],
    default: 'class',
    help: 'what the classifier reads: a token of its own, or the mean over the patches',
  },
  /**
   * Stochastic depth (Huang et al., arXiv 1603.09382): the chance that an image goes, in training, without what the last
   * block's attention adds, and without what its MLP or experts add; that of block l of L is l/L of it.
   */
  stochasticDepth: {
    type: 'number',
    minimum: 0,
    below: 1,
    default: 0,
    help: 'chance that an image goes without what the attention or the MLP of the last block adds in training, less in those before it',
  },
} as const satisfies OptionSpecs;

const { causal: _, rope: __, ...ofLanguage } = backboneOptions;
/** What public families of language models differ in, no vision transformer has, but for the connectivity. */
const { connectivity } = familyOptions;
const backbone = { ...omitOptions(ofLanguage, familyOptions), connectivity } as const satisfies OptionSpecs;

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

/** What makes tokens of pixels: one linear map of each patch, or convolutions. */
export type Stem = (typeof imageOptions.stem.choices)[number];

/** A ViT: images, patches, sizes, classes, and what its blocks are. */
export interface VitConfig extends OptionsOf<typeof vitOptions> {
  /** Names of the classes, where they have some; they go along into saved folders. */
  classNames?: readonly string[];
}

/** A ViT with every option decided. */
export interface ResolvedVit extends ResolvedStages {
  imageSize: number;
  patchSize: number;
  patchStride: number;
  numChannels: number;
  numClasses: number;
  numLayers: number;
  dModel: number;
  stem: Stem;
  pooling: Pooling;
  stochasticDepth: number;
  /** (imageSize / patchStride)^2 */
  numPatches: number;
  /** Tokens of an image: its patches and, where there is one, the class token. */
  sequenceLength: number;
}

/** A ViT with the defaults filled in. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveVit(config: VitConfig): ResolvedVit {
  expectKnownOptions('ViT', config, [...Object.keys(vitOptions), 'classNames']);
  const image = resolveOptions(config, imageOptions, { defaults: { patchStride: config.patchSize } });
  const { imageSize, patchSize, patchStride, stem, numClasses, pooling } = image;
  const { classNames, numLayers, placement, moe, dModel } = config;
  const stride = config.patchStride === undefined ? 'patchSize' : 'patchStride';
  expectThat(imageSize % patchStride === 0, stride, `a divisor of imageSize = ${imageSize}`, patchStride);
  if (stem === 'convolutions') {
    expectThat(
      Number.isInteger(numConvolutions(patchStride)),
      stride,
      'a power of two above 1 for convolutions',
      patchStride,
    );
  } else {
    const isCentred = patchSize >= patchStride && (patchSize - patchStride) % 2 === 0;
    expectThat(isCentred, 'patchStride', `patchSize = ${patchSize}, or an even number less`, patchStride);
  }
  const names = classNames?.length ?? numClasses;
  expectThat(names === numClasses, 'classNames', `${numClasses}, one for each class`, names);
  const stages = resolveStages({
    numLayers,
    placement,
    moe,
    backbone: { ...pickOptions(config, backbone), causal: false },
  });
  if (stem === 'convolutions')
    expectThat(dModel % (patchStride / 2) === 0, 'dModel', `a multiple of ${stride} / 2 = ${patchStride / 2}`, dModel);
  const numPatches = (imageSize / patchStride) ** 2;
  return {
    ...image,
    numLayers,
    dModel,
    numPatches,
    sequenceLength: pooling === 'class' ? numPatches + 1 : numPatches,
    ...stages,
  };
}
