import { countParameters } from '@scmoe/layer';

import { idleParameters } from '../stages/idleParameters.js';
import { convolutionsOf } from './convStem.js';
import type { ResolvedVit } from './VitConfig.js';
import { vitSpecs } from './vitSpecs.js';

/** Sizes of a ViT, by arithmetic. */
export interface VitCosts {
  numParameters: number;
  /** Parameters without the experts that a token does not visit. */
  numActiveParameters: number;
  /** Floating-point operations of forward and backward, for one image. */
  flopsPerImage: number;
  /** Bytes that training keeps for the backward pass of each image at the least: its pixels, and the outputs of all blocks. */
  leastBytesPerImage: number;
}

/**
 * Sizes of a ViT from its configuration alone. FLOPs as `gptCosts` counts them, 6 for each active parameter that a token
 * multiplies with: those of a convolution once a place, those of the patch projection once a patch, those of the blocks once a token, the head's once; plus
 * attention's 12 * numLayers * dModel * sequenceLength per token.
 */
export function vitCosts(config: ResolvedVit): VitCosts {
  const { imageSize, numChannels, numLayers, dModel, numPatches, sequenceLength, stages } = config;
  const specs = vitSpecs(config);
  const count = (prefix = '') =>
    countParameters(Object.fromEntries(Object.entries(specs).filter(([name]) => name.startsWith(prefix))));
  const idle = idleParameters(stages, specs);
  const numParameters = count();
  const ofStem = convolutionsOf(config).reduce((sum, { name, side }) => sum + count(`${name}.`) * side ** 2, 0);
  const products = ofStem + count('patch.') * numPatches + (count('block') - idle) * sequenceLength + count('head.');
  return {
    numParameters,
    numActiveParameters: numParameters - idle,
    flopsPerImage: 6 * products + 12 * numLayers * dModel * sequenceLength ** 2,
    leastBytesPerImage: 4 * (imageSize ** 2 * numChannels + numLayers * sequenceLength * dModel),
  };
}
