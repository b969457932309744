import type { VitConfig } from '@scmoe/models';

/** What differs between the variants; everything else is in {@link pictureConfig}. */
export interface PictureVariant {
  name: string;
  ffnHidden: number;
  moe: NonNullable<VitConfig['moe']>;
}

const dModel = 64;
const numExperts = 8;

/**
 * A token meets 8 `dModel` hidden units in the second block of a pair, shared and routed together, beside 4 `dModel` in
 * the first; the dense model has 6 `dModel` in both.
 */
export const pictureVariants: readonly PictureVariant[] = [
  { name: 'dense', ffnHidden: 6 * dModel, moe: { kind: 'dense' } },
  { name: 'top-2', ffnHidden: 4 * dModel, moe: { kind: 'top2', numExperts } },
  { name: 'shared', ffnHidden: 4 * dModel, moe: { kind: 'shared', numExperts } },
  { name: 'DGMoE', ffnHidden: 4 * dModel, moe: { kind: 'dgmoe', numExperts } },
  { name: 'ScMoE', ffnHidden: 4 * dModel, moe: { kind: 'scmoe', numExperts } },
];

/** A ViT for pictures of 32 pixels: 64 tokens from two convolutions, 4 blocks. */
export function pictureConfig({ ffnHidden, moe }: PictureVariant, numClasses: number): VitConfig {
  return {
    imageSize: 32,
    patchSize: 4,
    stem: 'convolutions',
    pooling: 'mean',
    numClasses,
    numLayers: 4,
    dModel,
    numHeads: 2,
    ffnHidden,
    moe,
  };
}
