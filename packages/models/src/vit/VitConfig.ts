import { expectOneOf, expectPositiveInteger, expectThat } from '@scmoe/errors';
import { type BackboneConfig } from '@scmoe/layer';

import { resolveStages, type MoeConfig, type Placement, type ResolvedStages } from '../stages/resolveStages.js';

/** What the classifier reads: a token of its own in front of the patches, or the mean over the patches. */
export type Pooling = 'class' | 'mean';

/** A ViT: images, patches, sizes, classes, and what its blocks are. */
export interface VitConfig extends Omit<BackboneConfig, 'causal' | 'rope'> {
  /** Side of the square images, in pixels. */
  imageSize: number;
  /** Side of the square patches, in pixels; it divides imageSize. */
  patchSize: number;
  /** 3 by default. */
  numChannels?: number;
  numClasses: number;
  /** Names of the classes, where they have some; they go along into saved folders. */
  classNames?: readonly string[];
  /** Blocks; in pairs an even number. */
  numLayers: number;
  /** `class` by default. */
  pooling?: Pooling;
  placement?: Placement;
  /** `{kind: 'dense'}` by default. */
  moe?: MoeConfig;
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

/** Fills in the defaults. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveVit(config: VitConfig): ResolvedVit {
  const { imageSize, patchSize, numChannels = 3, numClasses, classNames, pooling = 'class', ...rest } = config;
  const { numLayers, placement, moe, ...backbone } = rest;
  expectPositiveInteger('imageSize', imageSize);
  expectPositiveInteger('patchSize', patchSize);
  expectThat(imageSize % patchSize === 0, 'patchSize', `a divisor of imageSize = ${imageSize}`, patchSize);
  expectPositiveInteger('numChannels', numChannels);
  expectPositiveInteger('numClasses', numClasses);
  const names = classNames?.length ?? numClasses;
  expectThat(names === numClasses, 'classNames', `${numClasses}, one for each class`, names);
  expectOneOf('pooling', pooling, ['class', 'mean']);
  const stages = resolveStages({ numLayers, placement, moe, backbone: { ...backbone, causal: false } });
  const numPatches = (imageSize / patchSize) ** 2;
  return {
    imageSize,
    patchSize,
    numChannels,
    numClasses,
    numLayers,
    dModel: backbone.dModel,
    pooling,
    numPatches,
    sequenceLength: pooling === 'class' ? numPatches + 1 : numPatches,
    ...stages,
  };
}
